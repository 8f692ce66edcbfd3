/**
 * The coding matrix: Vandermonde rows r^c (r = 0…11, c = 0…7), made systematic by multiplying with
 * the inverse of its top square. Row r of the result says how shard r is made from the 8 data shards.
 */
import { dataShards, totalShards } from '../../format.ts';
import { inverse, multiply, raise } from './field.ts';

/** Row-major bytes, `dataShards` columns. */
export type Matrix = readonly Uint8Array[];

export function times(left: Matrix, right: Matrix): Matrix {
  return left.map((row) =>
    Uint8Array.from(right[0] ?? [], (_, column) =>
      row.reduce((sum, value, index) => sum ^ multiply(value, right[index]?.[column] ?? 0), 0)),
  );
}

/** Gauss–Jordan. Any 8 rows of the coding matrix are independent, so a singular input is a bug. */
export function invert(square: Matrix): Matrix {
  const size = square.length;
  const work = square.map((row, index) => {
    const wide = new Uint8Array(size * 2);
    wide.set(row);
    wide[size + index] = 1;
    return wide;
  });
  for (let column = 0; column < size; column++) {
    const pivot = work.findIndex((row, index) => index >= column && row[column] !== 0);
    if (pivot < 0) throw new RangeError('singular matrix');
    const swapped = work[pivot] as Uint8Array<ArrayBuffer>;
    work[pivot] = work[column] as Uint8Array<ArrayBuffer>;
    const scale = inverse(swapped[column] as number);
    const lead: Uint8Array<ArrayBuffer> = swapped.map((value) => multiply(value, scale));
    work[column] = lead;
    for (const [index, row] of work.entries()) {
      const factor = row[column] as number;
      if (index === column || factor === 0) continue;
      for (let at = 0; at < row.length; at++) row[at] = (row[at] as number) ^ multiply(factor, lead[at] as number);
    }
  }
  return work.map((row) => row.slice(size));
}

const vandermonde = Array.from({ length: totalShards }, (_, row) =>
  Uint8Array.from({ length: dataShards }, (_, column) => raise(row, column)));

export const codingMatrix: Matrix = times(vandermonde, invert(vandermonde.slice(0, dataShards)));

const inverses = new Map<string, Matrix>();

/** How the 8 data shards are made from the 8 rows `present` (ascending). At most 495 of these exist; all are kept. */
export function decodingMatrix(present: readonly number[]): Matrix {
  const key = present.join();
  let found = inverses.get(key);
  if (found === undefined) {
    found = invert(present.map((row) => codingMatrix[row] as Uint8Array));
    inverses.set(key, found);
  }
  return found;
}
