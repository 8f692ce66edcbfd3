/** What is bound into a sealed segment (`schema/segment.md`). */
import { ByteWriter, utf8 } from '../../../std/std.ts';
import { PangeaError } from '../../../errors/errors.ts';
import type { SegmentContext } from '../../codec.ts';
import { dataShards, maxSegmentBytes } from '../../format.ts';

const contextName = utf8('pangea-node 1 segment');
const saltBytes = 32;

/** Throws `INTERNAL` for numbers that no segment can have. */
export function segmentAssociatedData(context: SegmentContext, segment: number, plaintextBytes: number): Uint8Array {
  const { salt, stripe, segmentsInStripe } = context;
  const fits =
    salt.length === saltBytes && Number.isSafeInteger(stripe) && stripe >= 0 &&
    segmentsInStripe >= 1 && segmentsInStripe <= dataShards && segment >= 0 && segment < segmentsInStripe &&
    plaintextBytes >= 0 && plaintextBytes <= maxSegmentBytes;
  if (!fits) {
    throw new PangeaError('INTERNAL', `no such segment: ${segment} of ${segmentsInStripe} in stripe ${stripe}, ${plaintextBytes} bytes, salt of ${salt.length}`);
  }
  return new ByteWriter(contextName.length + saltBytes + 14)
    .bytes(contextName).bytes(salt).u64(stripe).u8(segment).u8(segmentsInStripe).u32(plaintextBytes).finish();
}
