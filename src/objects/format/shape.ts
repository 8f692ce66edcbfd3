/** The numbers of the code and of the layout, and where each row lies. Pure. */
import { dataShards, parityShards, totalShards } from '../../codec/codec.ts';

export const rows = totalShards;
export const dataRows = dataShards;
/** Rows of a stripe that may be lost. */
export const spareRows = parityShards;

/** Objects up to this size are one block of the exchangeable form (`whole`), longer ones are striped. */
export const wholeObjectBytes = 8 * 1024 * 1024;
export const minSegmentBytes = 64 * 1024;
export const stripesPerPage = 64;
export const pagesPerIndex = 64;
/** Header, all pages and the manifest of an object travel in one request of 16 MiB. With segments of 4 MiB this is 1 TiB. */
export const maxStripes = 32_768;

/** Row r of stripe s lies at slot (r + s) mod 12, so that parity, read only in need, burdens all holders alike. */
export function slotOf(stripe: number, row: number): number {
  return (row + stripe) % rows;
}

/** The row of a stripe that a slot keeps: the inverse of `slotOf`. */
export function rowAt(stripe: number, slot: number): number {
  return (((slot - stripe) % rows) + rows) % rows;
}

export function pageCount(stripes: number): number {
  return Math.ceil(stripes / stripesPerPage);
}

/** 0 when the header names the pages itself, up to 4,096 stripes. */
export function indexCount(stripes: number): number {
  const pages = pageCount(stripes);
  return pages <= pagesPerIndex ? 0 : Math.ceil(pages / pagesPerIndex);
}
