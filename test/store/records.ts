/** Keys, records and contents for the tests of stores; loads fast, because killed children use it too. */
import { blake3 } from '@napi-rs/blake-hash';
import { type Body, bodyFrom } from '../../src/body/body.ts';
import { seededRandom, toHex } from '../../src/std/std.ts';
import type { RecordKey, RecordKind, StoreRecord } from '../../src/store/store.ts';

export function object(number: number): Uint8Array {
  return new Uint8Array(32).fill(number);
}

export function keyOf(stripe: number, row = 0, kind: RecordKind = 0, of = object(1)): RecordKey {
  return { object: of, kind, stripe, row };
}

export function record(key: RecordKey, payload: Uint8Array): StoreRecord {
  return { key, identity: blake3(payload), payload: bodyFrom(payload) };
}

/** Bytes that differ for each seed. */
export function content(seed: number, length = 1000): Uint8Array {
  return seededRandom(seed).bytes(length);
}

export function plain(body: Body | undefined): string | undefined {
  return body && toHex(body.bytes());
}

/** What a killed writer has put under this number; some are large enough for writes past the page cache. */
export function numberedContent(number: number): Uint8Array {
  return content(number, number % 20 === 7 ? 300_000 : 200 + ((number * 37) % 3000));
}
