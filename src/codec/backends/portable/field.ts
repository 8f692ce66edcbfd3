/** GF(2^8) with the polynomial x^8+x^4+x^3+x^2+1 (0x11D) and generator 2: the field of klauspost/reedsolomon and Backblaze. */

const exponents = new Uint8Array(510);
const logarithms = new Uint8Array(256);

let power = 1;
for (let exponent = 0; exponent < 255; exponent++) {
  exponents[exponent] = power;
  exponents[exponent + 255] = power;
  logarithms[power] = exponent;
  power <<= 1;
  if (power & 0x100) power ^= 0x11d;
}

export function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  return exponents[(logarithms[a] as number) + (logarithms[b] as number)] as number;
}

/** `a` must not be 0. */
export function inverse(a: number): number {
  return exponents[255 - (logarithms[a] as number)] as number;
}

/** `base` to the `exponent`, with 0^0 = 1. */
export function raise(base: number, exponent: number): number {
  let result = 1;
  for (let i = 0; i < exponent; i++) result = multiply(result, base);
  return result;
}
