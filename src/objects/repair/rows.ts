/** One stripe: fetches rows from live holders, computes what nobody has, and checks everything against the layout. */
import { emptyBody, type Body } from '../../body/body.ts';
import type { Codec } from '../../codec/codec.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { PeerRegistry } from '../../peers/peers.ts';
import { equalBytes } from '../../std/std.ts';
import { recordKind } from '../../store/store.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import { identityOf } from '../format/layout.ts';
import { blame, getRequest } from '../get/lookup.ts';
import type { PeerCalls } from '../peer-calls.ts';
import type { Subject } from './ask.ts';
import { havers, type Census } from './census.ts';
import type { Doubts } from './doubts.ts';
import { dataRows, rows } from '../format/shape.ts';

export interface RowsDependencies {
  readonly calls: PeerCalls;
  readonly codec: Codec;
  readonly peers: PeerRegistry;
  readonly logger: Logger;
  readonly doubts: Doubts;
}

/**
 * The wanted rows of a stripe, each matching its committed identity; the caller releases them.
 * Throws `NOT_ENOUGH_SHARDS` when fewer than 8 rows can be had, `CORRUPT` when what is computed is not what the layout commits to.
 */
export async function obtainRows(
  dependencies: RowsDependencies, subject: Subject, census: Census, stripe: number, wanted: readonly number[],
): Promise<ReadonlyMap<number, Body>> {
  const obtained = new Map<number, Body>();
  await Promise.all(wanted.map(async (row) => {
    const body = await fetchRow(dependencies, subject, census, stripe, row);
    if (body !== undefined) obtained.set(row, body);
  }));
  const lost = wanted.filter((row) => !obtained.has(row));
  if (lost.length === 0) return obtained;
  try {
    const gathered = await gatherRows(dependencies, subject, census, stripe, obtained, lost);
    try {
      for (const [row, body] of await computeRows(dependencies, subject, stripe, gathered, lost)) obtained.set(row, body);
    } finally {
      for (const [row, body] of gathered) if (obtained.get(row) !== body) body.release();
    }
    return obtained;
  } catch (error) {
    for (const body of obtained.values()) body.release();
    throw error;
  }
}

async function computeRows(
  { codec }: RowsDependencies, { object, stripes }: Subject, stripe: number, gathered: ReadonlyMap<number, Body>, lost: readonly number[],
): Promise<ReadonlyMap<number, Body>> {
  const entry = stripes.stripe(stripe);
  const shards = Array.from({ length: rows }, (_, row) => gathered.get(row) ?? null);
  const computed = await codec.reconstruct({ shards, lengths: entry.lengths, rows: lost });
  const found = new Map(lost.map((row, index) => [row, computed[index] as Body]));
  for (const [row, body] of found) {
    if (equalBytes(await codec.identity(body), identityOf(entry, row))) continue;
    for (const each of computed) each.release();
    throw new PangeaError('CORRUPT', `row ${row} of stripe ${stripe} was computed from rows that match, but does not match itself`, {
      data: { root: object.digest, stripe, row },
    });
  }
  return found;
}

/** At least 8 rows with what was obtained, own ones first; as one fails the next is asked for. Rows without bytes need no asking. */
async function gatherRows(
  dependencies: RowsDependencies, subject: Subject, census: Census, stripe: number,
  obtained: ReadonlyMap<number, Body>, lost: readonly number[],
): Promise<Map<number, Body>> {
  const { lengths } = subject.stripes.stripe(stripe);
  const gathered = new Map(obtained);
  const left: number[] = [];
  for (let row = 0; row < rows; row++) {
    if (lengths[row] === 0) gathered.set(row, emptyBody);
    else if (!gathered.has(row) && !lost.includes(row)) left.push(row);
  }
  const own = census.answers.get(dependencies.calls.localPeer)?.[stripe] ?? 0;
  left.sort((a, b) => ((own >> b) & 1) - ((own >> a) & 1) || a - b);
  const gatherOne = async (): Promise<void> => {
    for (let row = left.shift(); row !== undefined; row = left.shift()) {
      const body = await fetchRow(dependencies, subject, census, stripe, row);
      if (body !== undefined) return void gathered.set(row, body);
    }
  };
  await Promise.all(Array.from({ length: Math.max(0, dataRows - gathered.size) }, gatherOne));
  if (gathered.size >= dataRows) return gathered;
  for (const [row, body] of gathered) if (obtained.get(row) !== body) body.release();
  throw new PangeaError('NOT_ENOUGH_SHARDS', `${gathered.size} rows of stripe ${stripe} could be read, ${dataRows} are needed`, {
    data: { root: subject.object.digest, stripe, rows: [...gathered.keys()] },
  });
}

/** The row from whoever has it, verified; `undefined` when nobody gives it. */
async function fetchRow(dependencies: RowsDependencies, { object, stripes }: Subject, census: Census, stripe: number, row: number): Promise<Body | undefined> {
  const { calls, codec, doubts } = dependencies;
  const identity = identityOf(stripes.stripe(stripe), row);
  const local = calls.localPeer;
  for (const peer of havers(census, stripe, row).toSorted((a, b) => Number(b === local) - Number(a === local))) {
    const { reply } = await calls.ask<'get'>(peer, getRequest(object.root, recordKind.shard, stripe, row));
    // One that found the row damaged when asked says so in its next answer to `have`.
    if (reply === undefined) continue;
    if (equalBytes(await codec.identity(reply.body), identity)) return reply.body;
    reply.body.release();
    doubts.add(object.digest, peer, stripe, row);
    blame(dependencies, peer, `row ${row} of stripe ${stripe} of ${object.digest} does not match its identity`);
  }
  return undefined;
}
