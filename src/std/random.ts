/** Randomness as an argument. Nonces never come from here: each codec draws its own from the operating system. */
export interface Random {
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  unit(): number;
  /** Uniform integer in [0, below). */
  integer(below: number): number;
}

/** Web Crypto gives at most this many bytes a call. It is in browsers and in Node alike. */
const webCryptoLimit = 65_536;

export const systemRandom: Random = {
  bytes: (length) => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += webCryptoLimit) crypto.getRandomValues(out.subarray(at, at + webCryptoLimit));
    return out;
  },
  unit: () => Math.random(),
  integer: (below) => Math.floor(Math.random() * below),
};

/** xoshiro128** by Blackman and Vigna, seeded through splitmix32: for simulation and benchmarks, never for secrets. */
export function seededRandom(seed: number): Random {
  let mix = seed >>> 0;
  const next32 = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  const state = new Uint32Array([next32(), next32(), next32(), next32()]) as Uint32Array & { 0: number; 1: number; 2: number; 3: number };
  const rotl = (x: number, k: number): number => ((x << k) | (x >>> (32 - k))) >>> 0;
  const draw = (): number => {
    const result = Math.imul(rotl(Math.imul(state[1], 5) >>> 0, 7), 9) >>> 0;
    const t = (state[1] << 9) >>> 0;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotl(state[3], 11);
    return result;
  };
  const unit = (): number => draw() / 2 ** 32;
  return {
    bytes: (length) => {
      const out = new Uint8Array(length);
      const words = new DataView(out.buffer);
      let at = 0;
      for (; at + 4 <= length; at += 4) words.setUint32(at, draw(), true);
      for (; at < length; at++) out[at] = draw() & 0xff;
      return out;
    },
    unit,
    integer: (below) => Math.floor(unit() * below),
  };
}
