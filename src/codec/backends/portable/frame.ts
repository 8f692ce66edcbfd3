/**
 * zstd frames by hand (RFC 8878, section 3.1.1): written for data that is only stored, and walked
 * block by block before decoding, so that what a frame declares is known before memory is taken for it.
 */

const magic = 0xfd2fb528;
/** Block_Maximum_Size of a window of 128 KiB or more. */
const maxBlockBytes = 128 * 1024;
/** Frame_Content_Size in 4 bytes, window descriptor present, no checksum, no dictionary. */
const storedDescriptor = 0x80;
/** A window of 128 KiB: all that raw blocks need, and little for a streaming decoder to set aside. */
const storedWindow = 0x38;
const storedHeaderBytes = 10;
/** By the two lowest bits of the descriptor. */
const dictionaryIdBytes = [0, 1, 2, 4];

export interface FrameShape {
  /** What the header declares, or undefined when it declares nothing. */
  readonly contentBytes: number | undefined;
  /** The number of the dictionary that it was made with, 0 for none. */
  readonly dictionaryId: number;
  /** Every block is raw and there is no checksum: `takeStored` may take the content out. */
  readonly stored: boolean;
  readonly headerBytes: number;
}

export function storedFrameBytes(contentBytes: number): number {
  return storedHeaderBytes + contentBytes + 3 * Math.max(1, Math.ceil(contentBytes / maxBlockBytes));
}

/** Writes a frame of raw blocks to `target`, which has `storedFrameBytes(content.length)` bytes. */
export function writeStored(content: Uint8Array, target: Uint8Array): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setUint32(0, magic, true);
  view.setUint8(4, storedDescriptor);
  view.setUint8(5, storedWindow);
  view.setUint32(6, content.length, true);
  let at = storedHeaderBytes;
  let from = 0;
  do {
    const to = Math.min(from + maxBlockBytes, content.length);
    const header = ((to - from) << 3) | (to === content.length ? 1 : 0);
    view.setUint16(at, header & 0xffff, true);
    view.setUint8(at + 2, header >>> 16);
    target.set(content.subarray(from, to), at + 3);
    at += 3 + to - from;
    from = to;
  } while (from < content.length);
}

/** The shape of the one frame that `bytes` must be from the first byte to the last; undefined when it is not. */
export function frameShape(bytes: Uint8Array): FrameShape | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 6 || view.getUint32(0, true) !== magic) return undefined;
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const checksum = (descriptor & 0x04) !== 0;
  if ((descriptor & 0x08) !== 0) return undefined; // reserved
  const sizeFlag = descriptor >>> 6;
  const sizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 2 ** sizeFlag;
  const dictionaryAt = 5 + (singleSegment ? 0 : 1);
  const dictionaryBytes = dictionaryIdBytes[descriptor & 3] as number;
  const headerBytes = dictionaryAt + dictionaryBytes + sizeBytes;
  if (bytes.length < headerBytes) return undefined;
  const dictionaryId = littleEndian(bytes.subarray(dictionaryAt, dictionaryAt + dictionaryBytes));
  const contentBytes = declaredSize(view, headerBytes - sizeBytes, sizeBytes);

  let at = headerBytes;
  let allRaw = true;
  for (let last = false; !last;) {
    if (at + 3 > bytes.length) return undefined;
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    last = (header & 1) === 1;
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (type === 3 || size > maxBlockBytes) return undefined;
    allRaw &&= type === 0;
    at += 3 + (type === 1 ? 1 : size);
  }
  if (checksum) at += 4;
  if (at !== bytes.length) return undefined;
  return { contentBytes, dictionaryId, stored: allRaw && !checksum, headerBytes };
}

/** The content of a frame whose shape says `stored`, moved together inside the memory of the frame, which it overwrites. */
export function takeStored(frame: Uint8Array, shape: FrameShape): Uint8Array {
  let written = 0;
  for (let at = shape.headerBytes; at < frame.length;) {
    const size = ((frame[at] as number) | ((frame[at + 1] as number) << 8) | ((frame[at + 2] as number) << 16)) >>> 3;
    frame.copyWithin(written, at + 3, at + 3 + size);
    written += size;
    at += 3 + size;
  }
  return frame.subarray(0, written);
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

function declaredSize(view: DataView, at: number, sizeBytes: number): number | undefined {
  switch (sizeBytes) {
    case 1: return view.getUint8(at);
    case 2: return view.getUint16(at, true) + 256;
    case 4: return view.getUint32(at, true);
    case 8: return Number(view.getBigUint64(at, true));
    default: return undefined;
  }
}
