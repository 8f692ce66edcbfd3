/** A whole graph out and in, while it is in use. */
import type { GraphImport, GraphRecord } from '../api/api.ts';
import { checkGraph, graphLimits, toWire, type Delta, type Field, type GraphPeer, type Guard } from '../graph/graph.ts';

/** Fields of one record of an export; a node with more comes in several. */
const recordFields = 1_000;
/** Fields that are merged together, and how many such batches may wait for the store. */
const batchFields = 2_000;
const batchesUnderWay = 4;

export async function* exportGraph(peer: GraphPeer, prefix: string | undefined): AsyncGenerator<GraphRecord> {
  for await (const soul of peer.souls(prefix === undefined || prefix === '' ? undefined : { '*': prefix })) {
    const node = await peer.load(soul);
    if (node === undefined) continue;
    let fields: Field[] = [];
    for (const field of node.fields()) {
      fields.push(field);
      if (fields.length < recordFields) continue;
      yield recordOf(soul, fields);
      fields = [];
    }
    if (fields.length > 0) yield recordOf(soul, fields);
  }
}

function recordOf(soul: string, fields: readonly Field[]): GraphRecord {
  return toWire([{ soul, fields }])[soul] as GraphRecord;
}

/** Merges as if a peer had sent it. Resolves when all that was taken is stored. */
export async function importGraph(peer: GraphPeer, guard: Guard | undefined, records: AsyncIterable<GraphRecord>): Promise<GraphImport> {
  const counts = { nodes: 0, taken: 0, old: 0, refused: 0, malformed: 0 };
  const underWay = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let batch: Delta[] = [];
  let fields = 0;

  const merge = async (deltas: readonly Delta[]): Promise<void> => {
    const { accepted, refused, old } = await peer.merge(deltas);
    counts.taken += countOf(accepted);
    counts.refused += refused;
    counts.old += old;
  };
  const flush = async (): Promise<void> => {
    const merging = merge(batch).catch((error: unknown) => { failure ??= { error }; }).finally(() => underWay.delete(merging));
    underWay.add(merging);
    [batch, fields] = [[], 0];
    if (underWay.size >= batchesUnderWay) await Promise.race(underWay);
  };

  for await (const record of records) {
    counts.nodes += 1;
    const checked = checkGraph(graphOf(record), graphLimits);
    if (!checked.ok) {
      counts.malformed += 1;
      continue;
    }
    for (const delta of checked.deltas) {
      const verdict = (await guard?.(delta)) ?? { ok: true };
      if (!verdict.ok) {
        counts.refused += delta.fields.length;
        continue;
      }
      const kept = verdict.delta ?? delta;
      counts.refused += delta.fields.length - kept.fields.length;
      batch.push(kept);
      fields += kept.fields.length;
    }
    if (fields >= batchFields) await flush();
    if (failure !== undefined) break;
  }
  if (batch.length > 0) await flush();
  await Promise.all(underWay);
  if (failure !== undefined) throw failure.error;
  return counts;
}

/** What is no node becomes a graph that the check refuses. */
function graphOf(record: unknown): unknown {
  const soul = (record as { readonly _?: { readonly '#'?: unknown } } | null)?._?.['#'];
  return typeof soul === 'string' ? Object.fromEntries([[soul, record]]) : undefined;
}

function countOf(deltas: readonly Delta[]): number {
  return deltas.reduce((sum, { fields }) => sum + fields.length, 0);
}
