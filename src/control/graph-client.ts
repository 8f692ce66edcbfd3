import type { GraphApi, GraphChange, GraphImport, GraphInterest, GraphNodeView, GraphPeerView, GraphPutView, GraphRecord, GraphStatus } from '../api/api.ts';
import { call, callForJson, chunksOf } from './call.ts';
import { decodeLines, encodeLines } from './record-lines.ts';

/** Of what the own node sends. */
const longestLine = Number.POSITIVE_INFINITY;

/** The graph of the node that runs on this data directory. */
export function connectGraph(dataDir: string): GraphApi {
  async function* lines<T>(route: string, options: Record<string, unknown>, signal?: AbortSignal): AsyncGenerator<T> {
    const response = await call(dataDir, route, { options, signal });
    yield* decodeLines(chunksOf(response, dataDir, signal), longestLine) as AsyncGenerator<T>;
  }
  const within = (prefix: string | undefined): Record<string, unknown> => (prefix === undefined ? {} : { prefix });

  return {
    status: () => callForJson<GraphStatus>(dataDir, '/v1/graph/status'),
    peers: () => callForJson<readonly GraphPeerView[]>(dataDir, '/v1/graph/peers'),
    get: async (soul, options) => {
      const { node } = await callForJson<{ node: GraphNodeView | null }>(dataDir, '/v1/graph/get', { options: { soul, ...options } });
      return node ?? undefined;
    },
    put: (soul, input) => callForJson<GraphPutView>(dataDir, '/v1/graph/put', { body: encodeLines(once({ soul, input })) }),
    watch: (soul, signal) => lines<GraphChange>('/v1/graph/watch', asked(typeof soul === 'string' ? { souls: [soul] } : soul), signal),
    souls: (prefix, after) => lines<string>('/v1/graph/souls', { ...within(prefix), ...(after === undefined ? {} : { after }) }),
    export: (prefix) => lines<GraphRecord>('/v1/graph/export', within(prefix)),
    import: (records) => callForJson<GraphImport>(dataDir, '/v1/graph/import', { body: encodeLines(records) }),
  };
}

function asked({ souls, whole = false }: GraphInterest): Record<string, unknown> {
  return { ...('prefix' in souls ? { prefix: souls.prefix } : { souls }), whole };
}

async function* once(value: unknown): AsyncGenerator<unknown> {
  yield value;
}
