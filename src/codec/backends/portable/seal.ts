/** XChaCha20-Poly1305 by libsodium. Sealed bytes are nonce ‖ ciphertext ‖ tag. */
import { createRequire } from 'node:module';
import { PangeaError } from '../../../errors/errors.ts';
import { keyBytes, nonceBytes, tagBytes } from '../../format.ts';

interface Sodium {
  crypto_aead_xchacha20poly1305_ietf_encrypt(
    sealed: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array | null, none: null, nonce: Uint8Array, key: Uint8Array,
  ): number;
  crypto_aead_xchacha20poly1305_ietf_decrypt(
    plaintext: Uint8Array, none: null, sealed: Uint8Array, associatedData: Uint8Array | null, nonce: Uint8Array, key: Uint8Array,
  ): number;
}

const sodium = createRequire(import.meta.url)('sodium-native') as Sodium;

export const sealOverheadBytes = nonceBytes + tagBytes;

/** Seals where the plaintext lies: `target` is room for the nonce, the plaintext, room for the tag. */
export function sealInPlace(target: Uint8Array, key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array | null): void {
  checkKey(key);
  if (nonce.length !== nonceBytes) throw new PangeaError('INTERNAL', `a nonce has ${nonceBytes} bytes, not ${nonce.length}`);
  target.set(nonce);
  const plaintext = target.subarray(nonceBytes, target.length - tagBytes);
  sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(target.subarray(nonceBytes), plaintext, filled(associatedData), null, nonce, key);
}

/** The plaintext of sealed bytes in memory of its own; `CORRUPT` when they do not authenticate. */
export function openSealed(key: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array | null): Uint8Array {
  checkKey(key);
  if (sealed.length < sealOverheadBytes) throw new PangeaError('CORRUPT', `${sealed.length} bytes are too few for anything sealed`);
  return decrypt(new Uint8Array(sealed.length - sealOverheadBytes), key, sealed, associatedData);
}

/** The same, in the memory of the sealed bytes, of which there are at least `sealOverheadBytes`. */
export function openInPlace(key: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array | null): Uint8Array {
  checkKey(key);
  return decrypt(sealed.subarray(nonceBytes, sealed.length - tagBytes), key, sealed, associatedData);
}

function decrypt(plaintext: Uint8Array, key: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array | null): Uint8Array {
  const nonce = sealed.subarray(0, nonceBytes);
  try {
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(plaintext, null, sealed.subarray(nonceBytes), filled(associatedData), nonce, key);
  } catch (error) {
    throw new PangeaError('CORRUPT', 'sealed bytes do not authenticate: damaged, swapped or of another key', { cause: error });
  }
  return plaintext;
}

/** libsodium's binding takes no empty associated data; absent means the same to the cipher. */
function filled(associatedData: Uint8Array | null): Uint8Array | null {
  return associatedData !== null && associatedData.length > 0 ? associatedData : null;
}

function checkKey(key: Uint8Array): void {
  if (key.length !== keyBytes) throw new PangeaError('INTERNAL', `a key has ${keyBytes} bytes, not ${key.length}`);
}
