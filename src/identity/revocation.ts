/**
 * Ended memberships. Each is a record of its own, signed by the network key, so lists merge by union
 * in any order and nobody but the network's owner can add to one.
 */
import { ByteWriter, concatBytes, equalBytes, utf8 } from '../std/std.ts';
import { PangeaError, type ErrorCode } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import { peerIdOf, publicKeyBytes, signatureBytes, verifySignature, type KeyPair } from './keys.ts';
import { expectHeader, parseBytes } from './parsing.ts';
import type { CredentialStore } from './storage.ts';

const magic = 'PGRV';
const version = 1;
const recordBytes = 4 + 1 + 2 * publicKeyBytes + 8 + signatureBytes;
const purpose = utf8('pangea-node 1 membership revocation\0');
const storedPrefix = 'membership/revoked/';

export const maxRevocations = 4096;
export const maxRevocationListBytes = 2 + maxRevocations * recordBytes;

export function issueRevocation(network: KeyPair, subjectKey: Uint8Array, nowMs: number): Uint8Array {
  const body = new ByteWriter(recordBytes)
    .bytes(utf8(magic)).u8(version)
    .bytes(network.publicKey)
    .bytes(subjectKey)
    .u64(Math.floor(nowMs))
    .finish();
  return concatBytes(body, network.sign(concatBytes(purpose, body)));
}

/** Whose membership the record ends; the signature is still to be checked. */
function subjectOf(record: Uint8Array, networkKey: Uint8Array, code: ErrorCode): { peer: PeerId; body: Uint8Array; signature: Uint8Array } {
  return parseBytes(code, 'revocation', record, (from) => {
    expectHeader(from, magic, version);
    if (!equalBytes(from.bytes(publicKeyBytes), networkKey)) throw new RangeError('it is of another network');
    const peer = peerIdOf(from.bytes(publicKeyBytes));
    from.u64();
    return { peer, body: record.subarray(0, recordBytes - signatureBytes), signature: from.bytes(signatureBytes) };
  });
}

/** The set of ended memberships of one network: in memory for the check at each handshake, in `storage` for good. */
export class Revocations {
  readonly #storage: CredentialStore;
  readonly #networkKey: Uint8Array;
  readonly #records = new Map<PeerId, Uint8Array>();
  readonly #listeners = new Set<(peer: PeerId) => void>();

  static async load(storage: CredentialStore, networkKey: Uint8Array): Promise<Revocations> {
    const revocations = new Revocations(storage, networkKey);
    for await (const [key, record] of storage.entries(storedPrefix)) {
      const { peer, body, signature } = subjectOf(record, networkKey, 'CORRUPT');
      // Skipping a damaged one would let a revoked peer in again.
      if (!revocations.#fits(body, signature)) throw new PangeaError('CORRUPT', `the stored revocation ${key} is damaged`);
      revocations.#records.set(peer, record);
    }
    return revocations;
  }

  private constructor(storage: CredentialStore, networkKey: Uint8Array) {
    this.#storage = storage;
    this.#networkKey = networkKey;
  }

  has(peer: PeerId): boolean {
    return this.#records.has(peer);
  }

  /** For another member; at most `maxRevocationListBytes`. */
  list(): Uint8Array {
    const writer = new ByteWriter(2 + this.#records.size * recordBytes).u16(this.#records.size);
    for (const record of this.#records.values()) writer.bytes(record);
    return writer.finish();
  }

  /** Takes the valid news of a list and stores it first; gives how many were new. Throws `PROTOCOL` for a malformed list. */
  async learn(list: Uint8Array): Promise<number> {
    const records = parseBytes('PROTOCOL', 'list of revocations', list, (from) => {
      const count = from.u16();
      if (count > maxRevocations) throw new RangeError(`${count} records`);
      return Array.from({ length: count }, () => from.bytes(recordBytes).slice());
    });
    let news = 0;
    for (const record of records) {
      if (await this.add(record)) news++;
    }
    return news;
  }

  /** Returns whether it was new. Throws `PROTOCOL` when the network's key did not sign it, `TOO_LARGE` when the set is full. */
  async add(record: Uint8Array): Promise<boolean> {
    const { peer, body, signature } = subjectOf(record, this.#networkKey, 'PROTOCOL');
    // Known peers are skipped before the costly check, so repeated lists cost nothing.
    if (this.#records.has(peer)) return false;
    if (!this.#fits(body, signature)) throw new PangeaError('PROTOCOL', 'revocation: its signature does not fit');
    if (this.#records.size >= maxRevocations) throw new PangeaError('TOO_LARGE', `a network ends at most ${maxRevocations} memberships`);
    await this.#storage.put(storedPrefix + peer, record);
    this.#records.set(peer, record);
    for (const listener of this.#listeners) listener(peer);
    return true;
  }

  onRevoked(listener: (peer: PeerId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #fits(body: Uint8Array, signature: Uint8Array): boolean {
    return verifySignature(this.#networkKey, concatBytes(purpose, body), signature);
  }
}
