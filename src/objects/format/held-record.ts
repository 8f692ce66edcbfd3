/** What a holder keeps beside layout and shards: the holders record and the tombstone. Bytes: `schema/layout.md`. */
import { parsePeerId, type PeerId } from '../../ids/ids.ts';
import { fromUtf8, utf8 } from '../../std/std.ts';
import { beginFramed, parseFramed, type Format } from './framing.ts';
import { rows } from './shape.ts';

/** Written last when an object is committed: without it the rest is an upload that came to nothing. */
export interface HoldersRecord {
  /** Under which the shards are stored here: the upload's id, or the root. */
  readonly objectId: Uint8Array;
  /** Bit mask of the slots that this node keeps. */
  readonly slots: number;
  /** By slot, as far as known; a hint whom to ask, never a reason to place. */
  readonly holders: readonly (PeerId | undefined)[];
  readonly committedMs: number;
}

export interface Tombstone {
  readonly deletedMs: number;
  /** The secret that was shown: whoever has the layout can check it, so a deletion spreads with its proof. */
  readonly secret: Uint8Array;
}

const code = 'LAYOUT_INVALID';
const maxPeerIdBytes = 64;
const holdersFormat: Format = { name: 'the holders record', magic: 'PGHO', maxBytes: 50 + rows * (1 + maxPeerIdBytes), code };
const tombstoneFormat: Format = { name: 'the tombstone', magic: 'PGTS', maxBytes: 48, code };

export function encodeHoldersRecord(record: HoldersRecord): Uint8Array {
  const writer = beginFramed(holdersFormat, holdersFormat.maxBytes)
    .bytes(record.objectId).u16(record.slots).u64(record.committedMs);
  for (let slot = 0; slot < rows; slot++) {
    const peer = utf8(record.holders[slot] ?? '');
    writer.u8(peer.length).bytes(peer);
  }
  return writer.finish();
}

/** Throws `LAYOUT_INVALID`. */
export function parseHoldersRecord(bytes: Uint8Array): HoldersRecord {
  return parseFramed(holdersFormat, bytes, (reader) => {
    const objectId = reader.bytes(32).slice();
    const slots = reader.u16();
    if (slots >= 1 << rows) throw new RangeError(`slots ${slots}`);
    const committedMs = reader.u64();
    const holders = Array.from({ length: rows }, () => {
      const text = fromUtf8(reader.bytes(reader.u8()));
      const peer = parsePeerId(text);
      if (text !== '' && peer === undefined) throw new RangeError('a holder that is no PeerId');
      return peer;
    });
    return { objectId, slots, committedMs, holders };
  });
}

export function encodeTombstone(tombstone: Tombstone): Uint8Array {
  return beginFramed(tombstoneFormat, 48).u64(tombstone.deletedMs).bytes(tombstone.secret).finish();
}

/** Throws `LAYOUT_INVALID`. */
export function parseTombstone(bytes: Uint8Array): Tombstone {
  return parseFramed(tombstoneFormat, bytes, (reader) => ({ deletedMs: reader.u64(), secret: reader.bytes(32).slice() }));
}
