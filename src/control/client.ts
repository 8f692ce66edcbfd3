import type {
  DoctorReport, FirewallView, GetOptions, GetResult, NodeApi, NodeEvent, NodeEventKind, NodeStatus, ObjectInfo, ObjectRecord, PeerView, Plan, PutOptions,
  PutResult, RepairView,
} from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';
import { ByteSource } from './byte-source.ts';
import { call, callForJson, chunksOf, converse, objectOf } from './call.ts';
import { eventOfLine, type LostEvents } from './event-lines.ts';
import { connectGraph } from './graph-client.ts';
import { delivery, type LocalFile } from './local-file.ts';
import { decodeTree, encodeTree } from './tree-stream.ts';

/**
 * The node's interface over the socket, without the calls of the existing network, which have a surface of their own (RPC);
 * and what only a neighbour on the same machine can ask for: the node reads and writes the caller's files itself.
 */
export interface LocalNode extends Omit<NodeApi, 'mixed'> {
  /** Throws `FILE_NOT_REACHABLE` before anything was read, and `FILE_CHANGED`. `read` is told the bytes so far. */
  putFile(file: LocalFile, options: PutOptions, read: (bytes: number) => void): Promise<PutResult>;
  getFile(reference: string, options: GetOptions): Promise<IncomingFile>;
  /** Events as they happen, until the signal. Unlike `subscribe`, which ends without a word, it throws when the node goes away. */
  follow(kinds: readonly NodeEventKind[], signal: AbortSignal): AsyncIterable<NodeEvent | LostEvents>;
}

export interface IncomingFile extends Omit<GetResult, 'content'> {
  /**
   * Has the content written to `file`, from its start on, and gives `undefined`; or gives the content, when there is no file or
   * the node cannot reach it. To be called once. `written` is told the bytes so far.
   */
  deliver(file: LocalFile | undefined, written: (bytes: number) => void): Promise<AsyncIterable<Uint8Array> | undefined>;
}

/** The running node of a data directory, as the same interface that the library has. Every call may throw `NODE_NOT_RUNNING`. */
export function connectNode(dataDir: string): LocalNode {
  const json = <T>(route: string, options?: Record<string, unknown>): Promise<T> =>
    callForJson<T>(dataDir, route, options === undefined ? {} : { options });

  const put = (route: string, body: AsyncIterable<Uint8Array>, { signal, ...options }: PutOptions): Promise<PutResult> =>
    callForJson<PutResult>(dataDir, route, { options, body, signal });

  const open = (route: string, reference: string, { signal, ...options }: GetOptions = {}) =>
    call(dataDir, route, { options: { reference, ...options }, signal });

  return {
    put: (content, options) => put('/v1/put', content, options),
    putTree: (entries, options) => put('/v1/put-tree', encodeTree(entries), options),
    trainDictionary: (samples, options) => put('/v1/train-dictionary', encodeTree(samples), options),

    async get(reference, options) {
      const response = await open('/v1/get', reference, options);
      const object = objectOf<Omit<GetResult, 'content'>>(response);
      return { ...object, content: chunksOf(response, dataDir, options?.signal) };
    },

    async getTree(reference, options) {
      const response = await open('/v1/get-tree', reference, options);
      return { ...objectOf<{ name: string }>(response), entries: decodeTree(chunksOf(response, dataDir, options?.signal)) };
    },

    async putFile(file, { signal, ...options }, read) {
      const response = await call(dataDir, '/v1/put-file', { options: { ...options, ...file }, signal });
      for await (const news of jsonLines<{ bytes?: number; result?: PutResult }>(chunksOf(response, dataDir, signal))) {
        if (news.result !== undefined) return news.result;
        read(news.bytes ?? 0);
      }
      throw new PangeaError('PROTOCOL', 'the node ended the put without a result');
    },

    async getFile(reference, { signal, ...options }) {
      const { response, reply } = await converse(dataDir, '/v1/get-file', { options: { reference, ...options }, signal });
      const object = objectOf<Omit<GetResult, 'content'>>(response);
      return {
        ...object,
        async deliver(file, written) {
          reply(file === undefined ? '' : JSON.stringify(file));
          const source = new ByteSource(chunksOf(response, dataDir, signal));
          const [first] = await source.take(1);
          if (first === delivery.content) return source.rest();
          for await (const { bytes } of jsonLines<{ bytes: number }>(source.rest())) written(bytes);
          return undefined;
        },
      };
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
    metrics: async () => (await json<{ text: string }>('/v1/metrics')).text,
    firewall: () => json<FirewallView>('/v1/firewall'),
    setFirewall: (allow) => callForJson<FirewallView>(dataDir, '/v1/firewall/set', { body: oneChunk(allow.join('\n')) }),
    repair: () => json<RepairView>('/v1/repair'),
    controlRepair: (action) => json<RepairView>('/v1/repair/control', { action }),
    doctor: () => json<DoctorReport>('/v1/doctor'),
    graph: connectGraph(dataDir),
    follow: (kinds, signal) => events(dataDir, kinds, signal),

    subscribe(kinds, listener) {
      const stop = new AbortController();
      void (async () => {
        for await (const event of events(dataDir, kinds, stop.signal)) if (event.kind !== 'lost') listener(event);
      })().catch(() => undefined);
      return () => stop.abort();
    },
  };
}

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function* events(dataDir: string, kinds: readonly NodeEventKind[], signal: AbortSignal): AsyncGenerator<NodeEvent | LostEvents> {
  const response = await call(dataDir, '/v1/events', { options: { kinds }, signal });
  for await (const line of jsonLines<unknown>(chunksOf(response, dataDir, signal))) yield eventOfLine(line);
}

async function* records(dataDir: string, route: string, options: Record<string, unknown> = {}): AsyncGenerator<ObjectRecord> {
  yield* jsonLines<ObjectRecord>(chunksOf(await call(dataDir, route, { options }), dataDir));
}

async function* jsonLines<T>(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line) as T;
  }
}
