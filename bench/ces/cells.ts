/** A cell is one thing to measure: what is done, by whom, on what. Its key names it in results and ratios. */
import type { DataName } from '../data.ts';
import type { Op } from '../protocol.ts';

export interface Cell {
  /** Id of the subject: ours are `native`, `addon`, `wasm`, `portable`. */
  readonly subject: string;
  readonly op: Op;
  /** Of one shard for rs-*, of the piece or block otherwise. */
  readonly bytes: number;
  readonly data: DataName;
  readonly threads: number;
  /** Made at a time, as a put does that has several stripes under way; 1 unless given. */
  readonly calls?: number;
  /** Only where it is not the subject's own first choice. */
  readonly kernel?: string;
  readonly cipher?: string;
  /** Of zstd; none where the subject does not compress, or decides by content. */
  readonly level?: number;
}

/** What is compared side by side: the same work on the same data. */
export function groupOf({ op, bytes, data, threads, calls = 1 }: Cell): string {
  return JSON.stringify([op, bytes, data, threads, calls]);
}

/** Cells that are measured one right after the other. */
export interface Group {
  /** Of the ratio that it is measured for; empty for what goes into the table. */
  readonly ratio: string;
  readonly cells: readonly Cell[];
}

export function keyOf(cell: Cell): string {
  return JSON.stringify([cell.subject, groupOf(cell), cell.kernel ?? null, cell.cipher ?? null, cell.level ?? null]);
}

/** Who did it, as a table shows it. */
export function variantOf({ subject, kernel, cipher, level }: Cell): string {
  return [subject, kernel, cipher, level === undefined ? undefined : `level ${level}`].filter((part) => part !== undefined).join(' ');
}

export function workloadOf({ op, bytes, data, threads, calls = 1 }: Cell): string {
  const size = bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 1024} KiB`;
  const what = op.startsWith('rs-') ? `8 × ${size}` : `${size}${data === 'random' ? '' : ` of ${data}`}`;
  return `${op} ${what}${threads === 1 ? '' : `, ${threads} threads`}${calls === 1 ? '' : `, ${calls} calls at a time`}`;
}

export interface Sizes {
  /** Of shards, and of pieces to seal and hash: one that stays in a core's cache, one that does not. */
  readonly small: number;
  readonly large: number;
  /** Of a whole block and of a stripe of 8 segments, each `large`. */
  readonly block: number;
}

export const fullSizes: Sizes = { small: 64 * 1024, large: 2 ** 20, block: 8 * 2 ** 20 };
export const smokeSizes: Sizes = { small: 4 * 1024, large: 16 * 1024, block: 128 * 1024 };

/** The level that pipelines and zstd are compared at: what a user's text gets by default. */
export const textLevel = 3;
