/** The other direction: which links lead to a soul. A graph stores links at their source only, so this is a scan or an index. */
import { systemClock } from '../../std/std.ts';
import type { NodeChange, Watcher } from '../replica/replica.ts';
import { Links } from './links.ts';
import { outEdges, type Edge, type Expand, type GraphReader, type GraphSource } from './reader.ts';
import { Slices } from './slices.ts';

const readTogether = 64;

/** The links of one node. */
export async function neighboursOut(reader: GraphReader, soul: string): Promise<readonly Edge[]> {
  return outEdges(soul, await reader.load(soul));
}

/** The links that lead to a soul, found by reading every node once: right for one question, see `createLinkIndex` for many. */
export async function* neighboursIn(source: GraphSource, soul: string): AsyncGenerator<Edge, void, void> {
  for await (const edges of allEdges(source)) {
    for (const edge of edges) if (edge.target === soul) yield edge;
  }
}

/** The links of every node, node by node. Nodes are read some at a time, as a store answers many as quickly as one. */
async function* allEdges(source: GraphSource): AsyncGenerator<readonly Edge[], void, void> {
  let reading: Promise<readonly Edge[]>[] = [];
  const slices = new Slices(systemClock);
  for await (const soul of source.souls()) {
    reading.push(neighboursOut(source, soul));
    if (reading.length < readTogether) continue;
    yield* await Promise.all(reading);
    reading = [];
    await slices.over();
  }
  yield* await Promise.all(reading);
}

export interface LinkIndex {
  /** The links that lead to a soul, as of now. */
  into(soul: string): readonly Edge[];
  /** For `walk` and the others: follows links against their direction. The edges given have source and target swapped. */
  readonly expand: Expand;
  /** Settles when all that was there at the start is indexed; fails with TOO_LARGE beyond `maxEdges`, and with what the source throws. */
  readonly ready: Promise<void>;
  readonly edges: number;
  /** False once there were more links than `maxEdges`: what `into` gives may lack some. */
  readonly complete: boolean;
  close(): void;
}

export interface LinkIndexSource extends GraphSource {
  watchAll(watcher: Watcher): () => void;
}

/** Links by target, built over the source in the background and kept by its changes. `maxEdges`: default 1,000,000. */
export function createLinkIndex(source: LinkIndexSource, options: { readonly maxEdges?: number } = {}): LinkIndex {
  const links = new Links(options.maxEdges ?? 1_000_000);
  const stop = source.watchAll(({ soul, fields }: NodeChange) => {
    for (const { key, value, state } of fields) links.set(soul, key, linked(value), state);
  });
  let closed = false;
  const build = async (): Promise<void> => {
    for await (const edges of allEdges(source)) {
      for (const edge of edges) links.set(edge.source, edge.key, edge.target, edge.state);
      if (closed) return;
      links.check();
    }
    links.built();
  };
  const ready = build();
  ready.catch(() => undefined);
  return {
    into: (soul) => links.into(soul),
    expand: (soul) => links.into(soul).map((edge) => ({ ...edge, source: edge.target, target: edge.source })),
    ready,
    get edges() {
      return links.size;
    },
    get complete() {
      return links.complete;
    },
    close() {
      closed = true;
      stop();
    },
  };
}

function linked(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? (value as { readonly '#': string })['#'] : undefined;
}
