/**
 * A realtime graph that gun.js clients take for one of their own.
 *
 * From the inside out: `data/` pure rules (HAM, states, lex, checks) → `replica/` one copy in memory over `storage/` →
 * `dam/` the mesh protocol without sockets, `wire/` WebSockets under it, `reconcile/` bulk healing between nodes of ours →
 * `sea/` signatures, users, certificates → `peer/` all of it together → `chain/` the API with GUN's words → `gun/` a drop-in for
 * programs written for gun.js; `traverse/` paths, cycles, export.
 *
 * Promises: convergence (any order and repetition of messages ends in the same graph), and that an acknowledged write is
 * stored as the acknowledgement says. Where it differs from gun.js on purpose: `docs/internals/graph.md`.
 * `web.ts` is the same for browsers: whatever it reaches imports nothing of Node.
 */
export { systemClock } from '../std/std.ts';
export { isPangeaError, PangeaError } from '../errors/errors.ts';
export type { Delta, Field, Lex, Link, Query, Scalar, Value, WireGraph, WireNode } from './data/types.ts';
export type { GraphStore } from './storage/storage.ts';
export type { GraphPeer, Guard, PutAck, PutOptions, PutResult } from './peer/peer.ts';
export type { Mesh, MeshHandler, MeshPeer, Violation } from './dam/dam.ts';
export { checkGraph, graphLimits } from './data/check.ts';
export { compareText } from './data/order.ts';
export { toWire } from './data/wire.ts';
export { createMesh } from './dam/create.ts';
export {
  certify, createGuard, createSea, decrypt, encrypt, generatePair, plainPeer, secret, sign, verify, webSessionStore, work,
  type Identity, type Pair, type Sea, type Session, type SessionStore,
} from './sea/sea.ts';
export { MemoryStore } from './storage/memory.ts';
export { spanOf } from './storage/select.ts';
export { openDurableStore } from './storage/durable.ts';
export { replicaLimits } from './replica/limits.ts';
export { keepConnected, type GraphClient } from './wire/client.ts';
export { nodeSocket } from './wire/node-socket.ts';
export { attachGraph, openGraphServer } from './wire/server.ts';
export { createGraphPeer } from './peer/create.ts';
export { createReconciler } from './reconcile/create.ts';
export { withLargeValues, type LargeValues } from './storage/large.ts';
export { objectLargeValues } from './storage/objects.ts';
export { openS3Store, parseS3Url } from './storage/s3.ts';
export { Graph, openGraph, type OpenOptions } from './open.ts';
export { openNodeGraph, type NodeOpenOptions } from './open-node.ts';
export {
  Chain, createChain, type Ack, type AckCallback, type Change, type ChangeOptions, type DataOf, type DocumentOf, type InputOf, type ItemOf, type KeyOf,
  type Message, type PutDone, type SetOf, type Subscription,
} from './chain/chain.ts';
export { openRadata, writeRadata } from './storage/radata.ts';
export { type Cycle, cycles } from './traverse/cycles.ts';
export { fromJsonGraph, type ImportOptions } from './traverse/import.ts';
export { createLinkIndex, type LinkIndex, neighboursIn, neighboursOut } from './traverse/inbound.ts';
export { type JsonGraph, toDot, toJsonGraph } from './traverse/json.ts';
export { type Nested, type NestedOptions, toNested } from './traverse/nested.ts';
export { type Path, shortestCycle, shortestPath } from './traverse/path.ts';
export type { Edge, Expand, GraphReader, GraphSource, LimitName, TraverseOptions } from './traverse/reader.ts';
export { reachable, type Visit, walk, type Walk, type WalkOptions } from './traverse/walk.ts';
