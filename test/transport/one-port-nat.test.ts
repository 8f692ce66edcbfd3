/** The whole of it, behind two routers: met through a relay, punched by DCUtR, and then shards on the same hole. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

import type { NatReport } from '../../src/host/host.ts';
import { until } from '../conformance/host.ts';
import { nativeMissing } from '../host/makers.ts';
import { natObstacle, NatTopology, type Place } from '../net/nat.ts';
import { quicMissing } from './ends.ts';

const skip = quicMissing || nativeMissing || (natObstacle() ?? false);

interface Answer {
  readonly peer?: string;
  readonly addresses?: readonly string[];
  readonly failed?: string;
  readonly path?: string;
  readonly nat?: NatReport;
  readonly overQuic?: boolean;
}

class Peer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(topology: NatTopology, place: Place, options: readonly string[]) {
    const [command = '', ...inside] = topology.inside(place);
    const program = fileURLToPath(new URL('one-port-peer.ts', import.meta.url));
    this.#child = spawn(command, [...inside, process.execPath, program, ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  async answer(): Promise<Answer> {
    const { value, done } = await this.#lines.next();
    assert.ok(done !== true, 'the peer runs');
    return JSON.parse(value as string) as Answer;
  }

  ask(command: Readonly<Record<string, unknown>>): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    return this.answer();
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}

it('shards go through the hole that libp2p has punched', { skip, timeout: 120_000 }, async () => {
  const topology = new NatTopology('cone', 'cone');
  const peers: Peer[] = [];
  const start = async (place: Place, ...options: readonly string[]): Promise<readonly [Peer, Answer]> => {
    const peer = new Peer(topology, place, options);
    peers.push(peer);
    return [peer, await peer.answer()];
  };
  try {
    const [, { peer: relayPeer }] = await start('relay');
    const relay = `/ip4/${topology.addresses.relay}/udp/9090/quic-v1/p2p/${relayPeer}`;
    const [a, { peer: peerA }] = await start('a', relay);
    await until(async () => (await a.ask({ do: 'report' })).nat?.relays.some(({ state }) => state === 'reserved') === true, 'a has a place at the relay', 30_000);
    const [b] = await start('b', relay);
    await until(async () => ((await b.ask({ do: 'report' })).nat?.observed.length ?? 0) > 0, 'b knows how it is seen', 30_000);
    assert.match((await b.ask({ do: 'shards', peer: peerA })).failed ?? '', /no address/, 'shards know no way');
    assert.equal((await b.ask({ do: 'dial', address: `${relay}/p2p-circuit/p2p/${peerA}` })).failed, undefined);
    await until(async () => {
      const { path } = await b.ask({ do: 'report', peer: peerA });
      return path === 'punched' || path === 'direct';
    }, 'the hole is punched', 30_000);
    await until(async () => {
      const { failed, overQuic } = await b.ask({ do: 'request', peer: peerA });
      assert.equal(failed, undefined);
      return overQuic === true;
    }, 'requests go over QUIC', 15_000);
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()));
    topology.remove();
  }
});
