/** A whole graph out and in, while it is in use. */
import type { GraphImport, GraphRecord } from '../api/api.ts';
import { checkGraph, graphLimits, replicaLimits, toWire, type Delta, type Field, type GraphPeer, type Guard } from '../graph/graph.ts';
import type { Clock } from '../std/std.ts';

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

export interface ImportParts {
  readonly peer: GraphPeer;
  readonly guard: Guard;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Merges as if a peer had sent it. Resolves when all that was taken is stored. */
export async function importGraph(parts: ImportParts, records: AsyncIterable<GraphRecord>): Promise<GraphImport> {
  const counts = { nodes: 0, taken: 0, old: 0, later: 0, refused: 0, malformed: 0 };
  const underWay = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let batch: Delta[] = [];
  let fields = 0;

  const merge = async (deltas: readonly Delta[]): Promise<void> => {
    const nowMs = parts.clock.nowMs();
    const later = deltas.reduce((sum, delta) => sum + delta.fields.filter(({ state }) => state > nowMs).length, 0);
    const { accepted } = await parts.peer.put(deltas, { acks: 0 });
    const taken = countOf(accepted);
    counts.taken += taken;
    counts.later += later;
    counts.old += Math.max(0, countOf(deltas) - later - taken);
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
      const kept = await admitted(delta, parts);
      counts.refused += delta.fields.length - kept.fields.length;
      if (kept.fields.length === 0) continue;
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

/** What the guard and the clock let pass: the peer takes a batch whole or not at all, and one bad node must not cost the others. */
async function admitted(delta: Delta, { guard, clock }: ImportParts): Promise<Delta> {
  const limitMs = clock.nowMs() + replicaLimits.futureLimitMs;
  const timely = delta.fields.some(({ state }) => state > limitMs) ? { ...delta, fields: delta.fields.filter(({ state }) => state <= limitMs) } : delta;
  if (timely.fields.length === 0) return timely;
  const verdict = await guard(timely);
  return verdict.ok ? (verdict.delta ?? timely) : { ...delta, fields: [] };
}

/** What is no node becomes a graph that the check refuses. */
function graphOf(record: unknown): unknown {
  const soul = (record as { readonly _?: { readonly '#'?: unknown } } | null)?._?.['#'];
  return typeof soul === 'string' ? Object.fromEntries([[soul, record]]) : undefined;
}

function countOf(deltas: readonly Delta[]): number {
  return deltas.reduce((sum, { fields }) => sum + fields.length, 0);
}
