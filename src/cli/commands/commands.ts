import type { Command } from '../command.ts';
import { bench } from './bench.ts';
import { dev } from './dev.ts';
import { dictionary } from './dictionary.ts';
import { doctor } from './doctor.ts';
import { events } from './events.ts';
import { firewall } from './firewall.ts';
import { get } from './get.ts';
import { graph } from './graph.ts';
import { info } from './info.ts';
import { init } from './init.ts';
import { invite } from './invite.ts';
import { join } from './join.ts';
import { list } from './list.ts';
import { peers } from './peers.ts';
import { plan } from './plan.ts';
import { put } from './put.ts';
import { remove } from './remove.ts';
import { repair } from './repair.ts';
import { search } from './search.ts';
import { start } from './start.ts';
import { status } from './status.ts';
import { token } from './token.ts';

/** In the order in which `--help` shows them. */
export const commands: readonly Command[] = [
  start, init, invite, join, token, put, get, list, info, search, remove, dictionary, peers, status, doctor, events, repair, firewall, graph, plan, bench, dev,
];
