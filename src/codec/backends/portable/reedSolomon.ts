/**
 * Reed–Solomon in plain JavaScript, by tables that hold the products for four output rows in one
 * 32-bit word: one look-up a data byte instead of four. A 64 KiB piece of each of the eight inputs is
 * worked at a time, so that rows of unequal length need no padded copies: a row that has
 * ended is stood in for by one shared piece of zeros.
 */
import { dataShards, parityShards } from '../../format.ts';
import { multiply } from './field.ts';
import { codingMatrix, decodingMatrix, times, type Matrix } from './matrix.ts';

const pieceBytes = 64 * 1024;
const zeros = new Uint8Array(pieceBytes);
const unused = new Uint8Array(pieceBytes);

type Eight<T> = readonly [T, T, T, T, T, T, T, T];
type Four<T> = readonly [T, T, T, T];

const tables = new Map<string, Eight<Uint32Array>>();
/** 14 sets of 8 KiB serve the 11 ways that parity and a single loss ask for; the bound is for hostile variety. */
const maxTables = 256;

/** Parity rows of data rows that may differ in length; they are as long as the longest. */
export function parityOf(data: readonly Uint8Array[]): Uint8Array[] {
  const length = Math.max(...data.map((row) => row.length));
  return combine(codingMatrix.slice(dataShards), data, [length, length, length, length]);
}

/** `rows` (at most four of them, each of `lengths[row]` bytes) out of the 8 rows `present`, ascending, of `shards`. */
export function rebuild(
  shards: readonly (Uint8Array | null)[],
  present: readonly number[],
  rows: readonly number[],
  lengths: readonly number[],
): Uint8Array[] {
  const wanted = rows.map((row) => codingMatrix[row] as Uint8Array);
  return combine(
    times(wanted, decodingMatrix(present)),
    present.map((row) => shards[row] as Uint8Array),
    rows.map((row) => lengths[row] as number),
  );
}

function combine(coefficients: Matrix, inputs: readonly Uint8Array[], lengths: readonly number[]): Uint8Array[] {
  const table = tableOf(coefficients);
  const outputs = lengths.map((length) => new Uint8Array(length));
  const longest = Math.max(0, ...lengths);
  for (let from = 0; from < longest; from += pieceBytes) {
    const to = Math.min(from + pieceBytes, longest);
    // Split where an input or an output ends, so that the inner loop needs no comparison.
    const ends = [...inputs, ...outputs].map((row) => row.length).filter((end) => end > from && end < to);
    const cuts = [...new Set([from, ...ends, to])].sort((a, b) => a - b);
    for (let cut = 0; cut + 1 < cuts.length; cut++) {
      const start = cuts[cut] as number;
      const end = cuts[cut + 1] as number;
      const piece = (row: Uint8Array | undefined, instead: Uint8Array): Uint8Array =>
        row !== undefined && row.length >= end ? row.subarray(start, end) : instead.subarray(0, end - start);
      const eight = Array.from({ length: dataShards }, (_, i) => piece(inputs[i], zeros)) as unknown as Eight<Uint8Array>;
      const four = Array.from({ length: parityShards }, (_, i) => piece(outputs[i], unused)) as unknown as Four<Uint8Array>;
      multiplyAdd(table, eight, four, end - start);
    }
  }
  return outputs;
}

function tableOf(coefficients: Matrix): Eight<Uint32Array> {
  const key = coefficients.join('|');
  const found = tables.get(key);
  if (found !== undefined) return found;
  const made = Array.from({ length: dataShards }, (_, column) =>
    Uint32Array.from({ length: 256 }, (_, value) => {
      let word = 0;
      for (let row = 0; row < coefficients.length; row++) word |= multiply(coefficients[row]?.[column] ?? 0, value) << (8 * row);
      return word;
    })) as unknown as Eight<Uint32Array>;
  if (tables.size >= maxTables) tables.delete(tables.keys().next().value as string);
  tables.set(key, made);
  return made;
}

/** The hot loop: every array is held in a local, because V8 does not lift the loads of a tuple's members out of it. */
function multiplyAdd(table: Eight<Uint32Array>, inputs: Eight<Uint8Array>, outputs: Four<Uint8Array>, length: number): void {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = table;
  const [d0, d1, d2, d3, d4, d5, d6, d7] = inputs;
  const [o0, o1, o2, o3] = outputs;
  for (let x = 0; x < length; x++) {
    const word =
      t0[d0[x]!]! ^ t1[d1[x]!]! ^ t2[d2[x]!]! ^ t3[d3[x]!]! ^ t4[d4[x]!]! ^ t5[d5[x]!]! ^ t6[d6[x]!]! ^ t7[d7[x]!]!;
    o0[x] = word;
    o1[x] = word >>> 8;
    o2[x] = word >>> 16;
    o3[x] = word >>> 24;
  }
}
