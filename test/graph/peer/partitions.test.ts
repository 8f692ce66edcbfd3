import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Delta, Value } from '../../../src/graph/data/types.ts';
import type { GraphPeer } from '../../../src/graph/peer/peer.ts';
import { createReconciler } from '../../../src/graph/reconcile/create.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { type Random, seededRandom } from '../../../src/std/std.ts';
import { ProcessClock, VirtualClock } from '../../sim/clock.ts';
import { modelOf } from '../replica/model.ts';
import { SlowStore } from '../replica/slow-store.ts';
import { type Link, link, simulatedPeer } from './network.ts';

const souls = ['n0', 'n1', 'n2', 'n3'];
const keys = ['x', 'y', 'z'];

interface Member {
  readonly name: string;
  readonly relay: boolean;
  /** What outlives the process: nothing of a member in memory. */
  readonly disk: MemoryStore | undefined;
  peer: GraphPeer;
  process: ProcessClock;
}

/**
 * Three relays in a triangle and three leaves in virtual time: writes of the same few fields anywhere, links that break,
 * processes that die and come back. After healing all hold the same, and nothing that somebody acknowledged from disk
 * is missing.
 */
async function schedule(seed: number): Promise<void> {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const members = ['R0', 'R1', 'R2', 'L0', 'L1', 'L2'].map((name): Member => {
    const relay = name.startsWith('R');
    const disk = name === 'R0' || name === 'R1' || name === 'L0' ? new MemoryStore() : undefined;
    const process = new ProcessClock(clock);
    return { name, relay, disk, process, peer: start({ relay, disk, process }, random) };
  });
  const [r0, r1, r2, l0, l1, l2] = members as [Member, Member, Member, Member, Member, Member];
  const routes: (readonly [Member, Member])[] = [[r1, r0], [r2, r1], [r0, r2], [l0, r0], [l1, r1], [l2, r2], [l1, r0]];
  const links = new Map<readonly [Member, Member], Link>();
  const durable: Delta[] = [];
  let value = 0;

  const put = ({ peer, name, disk }: Member): void => {
    const soul = pick(random, souls);
    const next: Value = random.integer(8) === 0 ? null : random.integer(8) === 0 ? { '#': pick(random, souls) } : `${name} ${value++}`;
    // States that meet now and then, as those of clocks that agree do.
    const state = random.integer(4) === 0 ? Math.floor(clock.nowMs() / 1000) * 1000 : peer.nextState();
    const delta: Delta = { soul, fields: [{ key: pick(random, keys), value: next, state }] };
    const kept = (): void => void durable.push(delta);
    peer.put([delta], { onAck: ({ from, stored }) => stored === 'disk' && (from !== 'local' || disk !== undefined) && kept() }).catch(() => {});
  };

  for (let step = 0; step < 60; step++) {
    const what = random.integer(10);
    if (what < 5) put(pick(random, members));
    else if (what < 8) {
      const route = pick(random, routes);
      const known = links.get(route);
      if (known?.up) known.cut();
      else links.set(route, link(clock, random, route[0].peer.mesh, route[1].peer.mesh));
    } else if (what === 8) {
      const member = pick(random, members);
      // A leaf in memory that dies takes with it what it never could send; nobody was told otherwise.
      for (const [route, wire] of links) if (route.includes(member)) wire.cut();
      member.process.kill();
      void member.peer.close().catch(() => {});
      member.process = new ProcessClock(clock);
      member.peer = start(member, random);
    }
    await clock.run(random.integer(400));
  }
  for (const route of routes) if (!links.get(route)?.up) links.set(route, link(clock, random, route[0].peer.mesh, route[1].peer.mesh));
  await clock.run(180_000);

  const [first, ...others] = await Promise.all(members.map(async (member) => ({ name: member.name, graph: await clock.until(graphOf(member.peer)) })));
  for (const other of others) assert.deepEqual(other.graph, first?.graph, `${other.name} and ${first?.name}`);
  for (const [soul, fields] of modelOf(durable)) {
    for (const [key, field] of fields) {
      const held = first?.graph[soul]?.[key];
      assert.ok(held && held.state >= field.state, `${soul}.${key} was stored on a disk`);
    }
  }
  assert.ok(durable.length > 0);
  await clock.until(Promise.all(members.map(({ peer }) => peer.close())));
}

function start({ relay, disk, process }: Pick<Member, 'relay' | 'disk' | 'process'>, random: Random): GraphPeer {
  const peer = simulatedPeer(process, random, {
    relay,
    store: disk ? new SlowStore(process, random, 10, disk) : new MemoryStore(),
    ...(relay ? { reconcile: createReconciler({ clock: process }) } : {}),
  });
  if (!relay) for (const soul of souls) peer.subscribe({ soul });
  return peer;
}

async function graphOf(peer: GraphPeer): Promise<Record<string, Record<string, { value: Value; state: number }>>> {
  const graph: Record<string, Record<string, { value: Value; state: number }>> = {};
  for (const soul of souls) {
    const node = await peer.load(soul);
    if (node) graph[soul] = Object.fromEntries([...node.fields()].sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ key, value, state }) => [key, { value, state }]));
  }
  return graph;
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.integer(from.length)] as T;
}

/** For long runs: `GRAPH_SCHEDULES=3000 GRAPH_SEED=1 node --test test/graph/peer/partitions.test.ts`. */
const first = Number(process.env['GRAPH_SEED'] ?? 1);
const schedules = Number(process.env['GRAPH_SCHEDULES'] ?? 30);

test('relays and leaves that are parted, killed and written to at random end with the same graph', { timeout: 120_000 + 200 * schedules }, async () => {
  for (let seed = first; seed < first + schedules; seed++) {
    await schedule(seed).catch((cause: unknown) => {
      throw new Error(`schedule ${seed}`, { cause });
    });
  }
});
