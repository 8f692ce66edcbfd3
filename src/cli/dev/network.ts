import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PangeaError } from '../../errors/errors.ts';
import { mapConcurrent } from '../../std/std.ts';
import { startMember, stopMember, type Member } from './member.ts';

export interface LocalNetworkOptions {
  readonly nodes: number;
  /** First of four ports per node; 0 lets the system choose all of them. */
  readonly basePort: number;
  /** Kept when given; otherwise a temporary one that is removed at the end. */
  readonly dataDir?: string | undefined;
  /** Further flags for every node. */
  readonly flags?: readonly string[];
  readonly signal: AbortSignal;
}

export interface LocalNetwork {
  readonly directory: string;
  readonly members: readonly Member[];
  /** Nobody is left when it resolves. */
  stop(): Promise<void>;
}

const startsAtOnce = 4;
const acquaintanceTimeoutMs = 60_000;
const stopDeadlineMs = 8_000;

/** Starts the first node, the others with it as their bootstrap, and waits until each knows all. */
export async function startLocalNetwork(options: LocalNetworkOptions): Promise<LocalNetwork> {
  const { nodes, dataDir, signal } = options;
  const directory = dataDir ?? (await mkdtemp(join(tmpdir(), 'pangea-dev-')));
  const members: Member[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => stopMember(member, stopDeadlineMs)));
    if (dataDir === undefined) await rm(directory, { recursive: true, force: true });
  };
  try {
    const first = await startMember(join(directory, 'node-1'), flagsOf(options, 0, []));
    members.push(first);
    const bootstrap = first.status.addresses.dht.slice(0, 1);
    await mapConcurrent(Array.from({ length: nodes - 1 }, (_, index) => index + 1), startsAtOnce, async (index) => {
      signal.throwIfAborted();
      members[index] = await startMember(join(directory, `node-${index + 1}`), flagsOf(options, index, bootstrap));
    });
    await untilAcquainted(members, signal);
    return { directory, members, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function flagsOf({ basePort, flags = [] }: LocalNetworkOptions, index: number, bootstrap: readonly string[]): string[] {
  const address = (offset: number): string => `127.0.0.1:${basePort === 0 ? 0 : basePort + index * 4 + offset}`;
  return [
    '--node-id', String(index + 1), '--rpc-addr', address(0), '--p2p-addr', address(1), '--dht-addr', address(2), '--http-addr', address(3),
    '--mdns', 'off', ...bootstrap.flatMap((multiaddr) => ['--bootstrap', multiaddr]), ...flags,
  ];
}

/** Whoever is connected to all others can place shards on all of them. */
async function untilAcquainted(members: readonly Member[], signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + acquaintanceTimeoutMs;
  for (const member of members) {
    for (;;) {
      signal.throwIfAborted();
      const { peers } = await member.api.status();
      if (peers.connected >= members.length - 1) break;
      if (performance.now() > deadline) {
        throw new PangeaError('TIMEOUT', `node ${members.indexOf(member) + 1} knows only ${peers.connected} of ${members.length - 1} others after ${acquaintanceTimeoutMs / 1000} s`);
      }
      await sleep(100);
    }
  }
}
