/** Where plaintext lies in stripes and segments. Pure. */
import { dataRows } from './shape.ts';

/** Cuts the plaintext of one stripe in up to 8 segments: full ones, or nearly equal ones where it is the short last stripe. */
export function segmentLengths(stripeBytes: number): readonly number[] {
  const count = Math.min(dataRows, stripeBytes);
  const least = Math.floor(stripeBytes / count);
  const longer = stripeBytes % count;
  return Array.from({ length: count }, (_, index) => least + (index < longer ? 1 : 0));
}

export interface Geometry {
  readonly segmentBytes: number;
  readonly stripes: number;
  readonly plaintextBytes: number;
}

/** Plaintext bytes of one stripe of a striped object. */
export function stripeBytes(geometry: Geometry, stripe: number): number {
  const full = geometry.segmentBytes * dataRows;
  return stripe < geometry.stripes - 1 ? full : geometry.plaintextBytes - full * (geometry.stripes - 1);
}

/** True when so many bytes make exactly so many stripes: what a manifest claims is checked with it. */
export function fits(geometry: Geometry): boolean {
  const last = stripeBytes(geometry, geometry.stripes - 1);
  return last > 0 && last <= geometry.segmentBytes * dataRows;
}

export interface SegmentPiece {
  readonly segment: number;
  readonly plaintextBytes: number;
  /** The part of it that was asked for. */
  readonly from: number;
  readonly to: number;
}

export interface StripePiece {
  readonly stripe: number;
  readonly segmentsInStripe: number;
  readonly pieces: readonly SegmentPiece[];
}

/** The stripes and segments that a range of plaintext touches, in order. */
export function* piecesOf(geometry: Geometry, offset: number, length: number): Generator<StripePiece> {
  const end = offset + length;
  const full = geometry.segmentBytes * dataRows;
  for (let stripe = Math.floor(offset / full); stripe < geometry.stripes && stripe * full < end; stripe++) {
    const lengths = segmentLengths(stripeBytes(geometry, stripe));
    const pieces: SegmentPiece[] = [];
    let at = stripe * full;
    lengths.forEach((plaintextBytes, segment) => {
      const from = Math.max(offset - at, 0);
      const to = Math.min(end - at, plaintextBytes);
      if (from < to) pieces.push({ segment, plaintextBytes, from, to });
      at += plaintextBytes;
    });
    yield { stripe, segmentsInStripe: lengths.length, pieces };
  }
}
