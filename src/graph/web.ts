/**
 * The graph for web pages: `import { openGraph } from './pangea-graph.js'` (`scripts/build-browser.mjs` makes that file), or
 * this file itself where TypeScript is bundled. Nothing that is reached from here imports anything of Node.
 */
export { type ErrorCode, isPangeaError, PangeaError } from '../errors/errors.ts';
export type { Delta, Field, Lex, Link, Scalar, Value } from './data/types.ts';
export { GraphNode } from './data/node.ts';
export { Graph, openGraph, type OpenOptions, type SeaChoice } from './open.ts';
export type {
  Ack, AckCallback, Awaitable, Chain, Change, ChangeOptions, DataOf, DocumentOf, DocumentOptions, InputOf, OnCallback, OnceCallback, OnceOptions,
  OnOptions, PutDone, PutOptions, SetOf, Subscription,
} from './chain/chain.ts';
export type { GraphPeer, PutAck } from './peer/peer.ts';
export {
  certify, createSea, decrypt, encrypt, generatePair, plainPeer, secret, sign, verify, webSessionStore, work,
  type Identity, type Pair, type Sea, type Session, type SessionStore,
} from './sea/sea.ts';
export { MemoryStore } from './storage/memory.ts';
export { openIndexedDbStore } from './storage/indexeddb.ts';
export type { GraphStore } from './storage/storage.ts';
export { type Cycle, cycles } from './traverse/cycles.ts';
export { fromJsonGraph, type ImportOptions } from './traverse/import.ts';
export { createLinkIndex, type LinkIndex, neighboursIn, neighboursOut } from './traverse/inbound.ts';
export { type JsonGraph, toDot, toJsonGraph } from './traverse/json.ts';
export { type Nested, type NestedOptions, toNested } from './traverse/nested.ts';
export { type Path, shortestCycle, shortestPath } from './traverse/path.ts';
export type { Edge, Expand, GraphReader, GraphSource, LimitName, TraverseOptions } from './traverse/reader.ts';
export { reachable, type Visit, walk, type Walk, type WalkOptions } from './traverse/walk.ts';
