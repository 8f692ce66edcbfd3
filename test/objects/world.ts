/** A small world for tests of objects: production nodes over memory variants on a virtual clock. */
import assert from 'node:assert/strict';
import { isPangeaError, type ErrorCode } from '../../src/errors/errors.ts';
import type { ObjectEngine } from '../../src/objects/engine.ts';
import type { ObjectsSettings } from '../../src/objects/objects.ts';
import type { GetOptions, PutOptions, PutResult } from '../../src/objects/types.ts';
import { concatBytes, seededRandom } from '../../src/std/std.ts';
import type { Reply, Request } from '../../src/transport/transport.ts';
import type { SimNode } from '../sim/node.ts';
import { World, type WorldOptions } from '../sim/world.ts';

export type { World };

/** The segment size of these worlds, so that objects of many stripes stay small. */
export const segmentBytes = 64 * 1024;
export const stripeBytes = 8 * segmentBytes;

export async function openWorld(nodes: number, options: Partial<WorldOptions> & { readonly settings?: Partial<ObjectsSettings> } = {}): Promise<World> {
  return World.open({ seed: 7, nodes, ...options });
}

export function engineOf(node: SimNode): ObjectEngine {
  assert.ok(node.objects, `${node.name} is down`);
  return node.objects as ObjectEngine;
}

export function nodeAt(world: World, index: number): SimNode {
  const node = world.nodes[index];
  assert.ok(node, `there is no node ${index}`);
  return node;
}

/** Bytes that no compressor shortens and no other seed gives. */
export function noise(length: number, seed = 1): Uint8Array {
  return seededRandom(seed).bytes(length);
}

export async function* stream(bytes: Uint8Array, chunkBytes = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

export function put(world: World, node: SimNode, bytes: Uint8Array, options: Partial<PutOptions> = {}): Promise<PutResult> {
  return world.clock.until(engineOf(node).put(stream(bytes), { name: 'file.bin', ...options }));
}

export async function collect(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of content) parts.push(chunk.slice());
  return concatBytes(...parts);
}

export function get(world: World, node: SimNode, reference: string, options: GetOptions = {}): Promise<Uint8Array> {
  return world.clock.until((async () => collect((await engineOf(node).get(reference, options)).content))());
}

/** Equal without printing megabytes when it is not. */
export function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  assert.ok(Buffer.compare(actual, expected) === 0, 'the bytes differ');
}

/** Rejects with this code; gives the error for further questions. */
export async function assertCode(promise: Promise<unknown>, code: ErrorCode): Promise<{ data: Readonly<Record<string, unknown>>; message: string }> {
  try {
    await promise;
  } catch (error) {
    assert.ok(isPangeaError(error, code), `${code} was expected, not ${String(error)}`);
    return error;
  }
  assert.fail(`${code} was expected, but nothing failed`);
}

/** Shows every request that a node serves for another; what `spy` returns in place of the reply is sent. */
export function watch(world: World, spy: (to: SimNode, request: Request, reply: Reply) => Reply | void): void {
  for (const node of world.live) {
    const engine = engineOf(node);
    const handle = engine.handle.bind(engine);
    engine.handle = async (peer, request, body) => {
      const reply = await handle(peer, request, body);
      return spy(node, request, reply) ?? reply;
    };
  }
}
