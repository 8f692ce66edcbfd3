/** The graph of a node that was started without one. */
import type { GraphApi, GraphStatus } from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';

const status: GraphStatus = {
  state: 'off', address: '', pid: '', store: { name: '', durability: 'memory', writes: 0, written: 0, bytes: 0 }, digest: undefined, relays: [],
  peers: { relays: 0, leaves: 0, pangea: 0 }, fields: { accepted: 0, old: 0, refused: 0, deferred: 0, unstored: 0 },
  memory: { nodes: 0, fields: 0, watched: 0 }, messages: { in: 0, out: 0, duplicates: 0, relayed: 0 }, outbox: 0, subscriptions: 0, failedWrites: 0, violations: {},
};

export const graphOff: GraphApi = {
  status: async () => status,
  get: async () => refuse(),
  put: async () => refuse(),
  watch: () => ({ [Symbol.asyncIterator]: refuse }),
  souls: () => ({ [Symbol.asyncIterator]: refuse }),
  export: () => ({ [Symbol.asyncIterator]: refuse }),
  import: async () => refuse(),
  peers: async () => refuse(),
};

function refuse(): never {
  throw new PangeaError('NOT_SUPPORTED', 'this node serves no graph: start it with --graph-addr');
}
