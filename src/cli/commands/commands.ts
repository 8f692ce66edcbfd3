import type { Command } from '../command.ts';
import { bench } from './bench.ts';
import { dev } from './dev.ts';
import { dictionary } from './dictionary.ts';
import { get } from './get.ts';
import { info } from './info.ts';
import { init } from './init.ts';
import { invite } from './invite.ts';
import { join } from './join.ts';
import { list } from './list.ts';
import { peers } from './peers.ts';
import { plan } from './plan.ts';
import { put } from './put.ts';
import { remove } from './remove.ts';
import { search } from './search.ts';
import { start } from './start.ts';
import { status } from './status.ts';

/** In the order in which `--help` shows them. */
export const commands: readonly Command[] = [
  start, init, invite, join, put, get, list, info, search, remove, dictionary, peers, status, plan, bench, dev,
];
