import type { TestContext } from 'node:test';
import { openGraph, type Graph, type OpenOptions } from '../../../src/graph/graph.ts';
import { seededRandom } from '../../../src/std/std.ts';
import { connect } from '../dam/wires.ts';

let opened = 0;

/** A graph in memory that is closed with the test. Waits are short, so that tests of what never comes are. */
export function graph<Schema = any>(t: TestContext, options: OpenOptions = {}): Graph<Schema> {
  const made = openGraph<Schema>({ random: seededRandom(++opened), onceMs: 300, putMs: 200, settleMs: 30, sea: false, ...options });
  t.after(() => made.close());
  return made;
}

/** A relay, and two graphs that know it. */
export async function mesh(t: TestContext): Promise<{ relay: Graph; a: Graph; b: Graph; cutA(): void }> {
  const relay = graph(t, { relay: true });
  const a = graph(t);
  const b = graph(t);
  const { cut } = await join(a, relay);
  await join(b, relay);
  return { relay, a, b, cutA: cut };
}

/** Resolves when both know each other's names. */
export async function join(dialler: Graph, acceptor: Graph): Promise<{ cut(): void }> {
  const before = acceptor.peer.mesh.peers().length;
  const wire = connect(dialler.peer.mesh, acceptor.peer.mesh, { dialler: `10.0.0.${before + 1}`, acceptor: 'ws://relay/gun' });
  await until(() => [...dialler.peer.mesh.peers(), ...acceptor.peer.mesh.peers()].every(({ pid }) => pid !== ''));
  return wire;
}

export async function until(holds: () => boolean, withinMs = 10_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error('what was waited for did not come');
    await pause(2);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Without soul and states. */
export function plain(data: unknown): unknown {
  if (typeof data !== 'object' || data === null || !('_' in data)) return data;
  const { _: _meta, ...fields } = data as Record<string, unknown>;
  return fields;
}
