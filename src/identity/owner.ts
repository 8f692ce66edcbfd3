import { randomBytes } from 'node:crypto';
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { concatBytes } from '../std/std.ts';
import { PangeaError } from '../errors/errors.ts';
import type { OwnerKeys } from './identity.ts';
import { readKeyFile, writeKeyFile, type KeyFileKind } from './key-file.ts';
import { ownerPath } from './paths.ts';

/** BLAKE3 `derive_key`: 32 bytes. The codec's, passed in because identity stands below it. */
export type DeriveKey = (context: string, material: Uint8Array) => Uint8Array;

export const masterBytes = 32;
const ownerFile: KeyFileKind = { magic: 'PGOW', version: 1, payloadBytes: masterBytes };

/** Frozen: every object of an owner depends on them. */
const contexts = {
  object: 'pangea-node 1 object key',
  catalogue: 'pangea-node 1 catalogue key',
  network: 'pangea-node 1 network key',
} as const;

/** The owner of this data directory, or `undefined` when it has none yet. Throws `KEY_FILE_EXPOSED`, `KEY_FILE_INVALID`. */
export async function loadOwnerKeys(directory: string, deriveKey: DeriveKey): Promise<OwnerKeys | undefined> {
  const master = await readKeyFile(ownerPath(directory), ownerFile);
  return master && ownerKeysOf(master, deriveKey);
}

/** Draws a master secret and writes it durably. Throws `KEY_FILE_EXISTS`. */
export async function createOwnerKeys(directory: string, deriveKey: DeriveKey): Promise<OwnerKeys> {
  return writeOwner(directory, new Uint8Array(randomBytes(masterBytes)), deriveKey);
}

/** Brings an owner back from the recovery phrase. Throws `PHRASE_INVALID`, and `KEY_FILE_EXISTS` where an owner is already. */
export async function restoreOwnerKeys(directory: string, phrase: string, deriveKey: DeriveKey): Promise<OwnerKeys> {
  return writeOwner(directory, masterOfPhrase(phrase), deriveKey);
}

export function ownerKeysOf(master: Uint8Array, deriveKey: DeriveKey): OwnerKeys {
  if (master.length !== masterBytes) throw new PangeaError('INTERNAL', `a master secret has ${masterBytes} bytes, not ${master.length}`);
  return {
    objectKey: (salt) => deriveKey(contexts.object, concatBytes(master, salt)),
    catalogueKey: deriveKey(contexts.catalogue, master),
    networkSeed: deriveKey(contexts.network, master),
    recoveryPhrase: () => entropyToMnemonic(master, wordlist),
  };
}

/** The master secret of 24 BIP-39 words in any spacing and case. Throws `PHRASE_INVALID` and says what is wrong, but never a word. */
export function masterOfPhrase(phrase: string): Uint8Array {
  const words = phrase.normalize('NFKD').trim().toLowerCase().split(/\s+/);
  if (words.length !== 24) throw new PangeaError('PHRASE_INVALID', `a recovery phrase has 24 words, not ${words.length}`);
  const unknown = words.findIndex((word) => !wordlist.includes(word));
  if (unknown >= 0) throw new PangeaError('PHRASE_INVALID', `word ${unknown + 1} of the recovery phrase is not in the list`);
  try {
    return mnemonicToEntropy(words.join(' '), wordlist);
  } catch {
    throw new PangeaError('PHRASE_INVALID', 'the recovery phrase fails its checksum: a word is wrong or two are swapped');
  }
}

async function writeOwner(directory: string, master: Uint8Array, deriveKey: DeriveKey): Promise<OwnerKeys> {
  await writeKeyFile(ownerPath(directory), ownerFile, master, { replace: false });
  return ownerKeysOf(master, deriveKey);
}
