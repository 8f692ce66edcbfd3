import { decodeBytes, latin1 } from './bytes.ts';
import { digest, verifyDigest } from './ecdsa.ts';
import { isPub } from './keys.ts';

/** Longer ones are no signatures of P-256 in base64. */
const maxSignatureChars = 128;
/** About 240 bytes each. */
const defaultKept = 16_384;

/**
 * Signatures, each checked once: what has been found good is remembered, the least recently used forgotten first.
 * Bad ones are never remembered, so that nobody fills the memory with them.
 */
export class Verifier {
  readonly #good = new Set<string>();
  readonly #kept: number;
  #checks = 0;

  constructor(kept = defaultKept) {
    this.#kept = kept;
  }

  /** Signatures that were computed, not remembered. */
  get checks(): number {
    return this.#checks;
  }

  /** At once when it is known or cannot be. Never fails. */
  check(text: string, signature: string, pub: string): boolean | Promise<boolean> {
    if (signature.length > maxSignatureChars || !isPub(pub)) return false;
    const bytes = decodeBytes(signature);
    if (!bytes) return false;
    const hashed = digest(text);
    if (hashed instanceof Promise) return hashed.then((hash) => this.#verify(hash, bytes, pub));
    const name = nameOf(hashed, bytes, pub);
    if (this.#good.delete(name)) {
      this.#good.add(name);
      return true;
    }
    return this.#verify(hashed, bytes, pub).then((good) => {
      if (good) this.#remember(name);
      return good;
    });
  }

  /** A signature that this process has just made itself. */
  trust(text: string, signature: Uint8Array, pub: string): void {
    const hashed = digest(text);
    if (!(hashed instanceof Promise)) this.#remember(nameOf(hashed, signature, pub));
  }

  #verify(hashed: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>, pub: string): Promise<boolean> {
    this.#checks += 1;
    return verifyDigest(hashed, signature, pub);
  }

  #remember(name: string): void {
    if (this.#good.size >= this.#kept) this.#good.delete(this.#good.values().next().value as string);
    this.#good.add(name);
  }
}

function nameOf(hashed: Uint8Array, signature: Uint8Array, pub: string): string {
  return pub + latin1(hashed) + latin1(signature);
}
