/** The checks on twelve places of shards before any arithmetic, and the choice of the eight to compute from. */
import { PangeaError } from '../../../errors/errors.ts';
import { dataShards, totalShards } from '../../format.ts';
import { maxWholeShardBytes } from './whole.ts';

export type Rows = readonly (Uint8Array | null)[];

/** The first 8 rows that are there, ascending: data first, since they need the least arithmetic. */
export function choosePresent(rows: Rows): number[] {
  const present = [...rows.keys()].filter((row) => rows[row] !== null);
  if (present.length < dataShards) {
    throw new PangeaError('NOT_ENOUGH_SHARDS', `${present.length} of ${totalShards} shards are there, ${dataShards} are needed`, {
      data: { present: present.length, needed: dataShards },
    });
  }
  return present.slice(0, dataShards);
}

export function checkPlaces(count: number): void {
  if (count !== totalShards) throw new PangeaError('INTERNAL', `${totalShards} places of shards are expected, not ${count}`);
}

/** Rows that have the lengths they are said to have; a row of length 0 counts as there. */
export function checkRows(rows: Rows, lengths: readonly number[]): Rows {
  checkPlaces(rows.length);
  checkPlaces(lengths.length);
  const longest = Math.max(...lengths.slice(0, dataShards));
  if (longest > maxWholeShardBytes) throw new PangeaError('TOO_LARGE', `a shard of ${longest} bytes is longer than any that is made`);
  if (lengths.slice(dataShards).some((length) => length !== longest)) {
    throw new PangeaError('CORRUPT', 'parity rows must be as long as the longest data row');
  }
  return rows.map((row, index) => {
    const length = lengths[index] as number;
    if (row !== null && row.length !== length) throw new PangeaError('CORRUPT', `shard ${index} has ${row.length} bytes instead of ${length}`);
    return length === 0 ? new Uint8Array(0) : row;
  });
}
