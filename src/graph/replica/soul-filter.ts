import { type FieldHash, soulHash } from '../data/digest.ts';

/** Half a megabyte: of 100,000 souls one in 500 unknown ones is taken for known, of a million one in seven. */
const bits = 1 << 22;

/**
 * A Bloom filter over the souls of a store, so that the first write of a new node needs no read. It says that a soul is
 * surely not stored; only once `complete` was called, after each stored soul was added.
 */
export class SoulFilter {
  readonly #words = new Uint32Array(bits / 32);
  readonly #hash: FieldHash = { low: 0, high: 0 };
  #complete = false;

  add(soul: string): void {
    soulHash(soul, this.#hash);
    this.#set(place(this.#hash.low));
    this.#set(place(this.#hash.high));
  }

  complete(): void {
    this.#complete = true;
  }

  lacks(soul: string): boolean {
    if (!this.#complete) return false;
    soulHash(soul, this.#hash);
    return !this.#has(place(this.#hash.low)) || !this.#has(place(this.#hash.high));
  }

  #set(bit: number): void {
    this.#words[bit >>> 5] = (this.#words[bit >>> 5] as number) | (1 << (bit & 31));
  }

  #has(bit: number): boolean {
    return ((this.#words[bit >>> 5] as number) & (1 << (bit & 31))) !== 0;
  }
}

function place(word: number): number {
  return (Math.imul(word ^ (word >>> 15), 0x2c1b3c6d) >>> 10) & (bits - 1);
}
