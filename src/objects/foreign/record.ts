/** What is stored for a shard that a foreign peer handed over: who, when, and the bytes. Little-endian, `schema/foreign-shards.md`. */
import { parsePeerId, type PeerId } from '../../ids/ids.ts';
import { concatBytes, fromUtf8, utf8 } from '../../std/std.ts';

const version = 1;
/** A PeerId of an Ed25519 key in base58btc. */
const peerBytes = 52;
/** Version u8, stored at (milliseconds since 1970) u64, PeerId. */
export const foreignHeadBytes = 1 + 8 + peerBytes;

export interface ForeignHead {
  readonly peer: PeerId;
  readonly storedMs: number;
}

export function encodeForeignRecord({ peer, storedMs }: ForeignHead, shard: Uint8Array): Uint8Array {
  const head = new Uint8Array(foreignHeadBytes);
  const view = new DataView(head.buffer);
  view.setUint8(0, version);
  view.setBigUint64(1, BigInt(Math.max(0, Math.floor(storedMs))), true);
  head.set(utf8(peer), 9);
  return concatBytes(head, shard);
}

/** The head of a record, or `undefined` for bytes that are none of ours. */
export function parseForeignHead(bytes: Uint8Array): ForeignHead | undefined {
  if (bytes.length < foreignHeadBytes || bytes[0] !== version) return undefined;
  const storedMs = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(1, true));
  const peer = parsePeerId(textOf(bytes.subarray(9, foreignHeadBytes)));
  return peer === undefined || !Number.isSafeInteger(storedMs) ? undefined : { peer, storedMs };
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    return '';
  }
}
