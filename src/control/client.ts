import type {
  GetOptions, GetResult, NodeApi, NodeStatus, ObjectInfo, ObjectRecord, PeerView, Plan, PutOptions, PutResult,
} from '../api/api.ts';
import { call, callForJson, chunksOf, objectOf } from './call.ts';
import { decodeTree, encodeTree } from './tree-stream.ts';

/** The running node of a data directory, as the same interface that the library has. Every call may throw `NODE_NOT_RUNNING`. */
export function connectNode(dataDir: string): NodeApi {
  const json = <T>(route: string, options?: Record<string, unknown>): Promise<T> =>
    callForJson<T>(dataDir, route, options === undefined ? {} : { options });

  const put = (route: string, body: AsyncIterable<Uint8Array>, { signal, ...options }: PutOptions): Promise<PutResult> =>
    callForJson<PutResult>(dataDir, route, { options, body, signal });

  const open = (route: string, reference: string, { signal, ...options }: GetOptions = {}) =>
    call(dataDir, route, { options: { reference, ...options }, signal });

  return {
    put: (content, options) => put('/v1/put', content, options),
    putTree: (entries, options) => put('/v1/put-tree', encodeTree(entries), options),

    async get(reference, options) {
      const response = await open('/v1/get', reference, options);
      const object = objectOf<Omit<GetResult, 'content'>>(response);
      return { ...object, content: chunksOf(response, dataDir, options?.signal) };
    },

    async getTree(reference, options) {
      const response = await open('/v1/get-tree', reference, options);
      return { ...objectOf<{ name: string }>(response), entries: decodeTree(chunksOf(response, dataDir, options?.signal)) };
    },

    list: () => records(dataDir, '/v1/list'),
    search: (pattern) => records(dataDir, '/v1/search', { pattern }),
    info: (reference) => json<ObjectInfo>('/v1/info', { reference }),
    remove: (reference) => json('/v1/remove', { reference }),
    peers: () => json<readonly PeerView[]>('/v1/peers'),
    connectPeer: (address) => json('/v1/peers/connect', { address }),
    revokePeer: async (peer) => void (await json('/v1/peers/revoke', { peer })),
    plan: () => json<Plan>('/v1/plan'),
    status: () => json<NodeStatus>('/v1/status'),
    invite: (options) => json('/v1/invite', options),
  };
}

async function* records(dataDir: string, route: string, options: Record<string, unknown> = {}): AsyncGenerator<ObjectRecord> {
  const response = await call(dataDir, route, { options });
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunksOf(response, dataDir)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line) as ObjectRecord;
  }
}
