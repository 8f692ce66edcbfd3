/**
 * The graph with GUN's words: `get put set map on once not off back open load`.
 *
 * A chain is a way (`step.ts`), not a thing: nothing is kept for it. `observe.ts` follows ways through the graph as it
 * changes, each listener in a scope of its own (`scope.ts`); `hub.ts` hands out changes after the merge that made them;
 * `plan.ts` decides which fields a put writes, without looking at time or network.
 *
 * Promises: `off` leaves nothing behind, no watch and no interest at peers; bad data writes nothing; errors reach the
 * callback or the `await`; no call waits for ever for a peer. A listener is called once for each change of what it
 * follows: the repeated calls of gun.js are not copied (`docs/internals/graph-chain.md` lists what differs).
 * Never: a network or a store touched but through `GraphPeer`.
 */
import type { Clock, Random } from '../../std/std.ts';
import { Core, type ChainOptions, type ChainPeer } from './core.ts';
import { Chain } from './words.ts';

export { Chain } from './words.ts';
export type { Awaitable, OnCallback, OnceCallback, OnceOptions, OnOptions } from './words.ts';
export type { Change, ChangeOptions } from './changes.ts';
export { Core, type ChainOptions, type ChainPeer } from './core.ts';
export type { DocumentOptions } from './document.ts';
export { nodeData, type NodeData } from './position.ts';
export type { Message, RawListener, Subscription } from './read.ts';
export type { At, DataOf, DocumentOf, InputOf, ItemOf, KeyOf, Meta, SetOf } from './schema.ts';
export type { Path } from './step.ts';
export type { Ack, AckCallback, PutDone, PutOptions } from './write.ts';

/** The root of a graph, with the schema's types. The peer stays the caller's to close. */
export function createChain<Schema = any>(peer: ChainPeer, { clock, random, ...options }: ChainOptions & { readonly clock: Clock; readonly random: Random }): Chain<Schema> {
  const core: Core = new Core(peer, clock, random, (path) => new Chain(core, path), options);
  return new Chain<Schema>(core, undefined);
}
