/** Writing plain values into generated structs. */
import type { Data, List } from 'capnp-es';

export function fillTexts(list: List<string>, values: readonly string[]): void {
  values.forEach((value, index) => list.set(index, value));
}

export function fillNumbers(list: List<number>, values: readonly number[]): void {
  values.forEach((value, index) => list.set(index, value));
}

export function fillStructs<S, V>(list: List<S>, values: readonly V[], fill: (struct: S, value: V) => void): void {
  values.forEach((value, index) => fill(list.get(index), value));
}

export function fillBytes(data: Data, bytes: Uint8Array): void {
  data.toUint8Array().set(bytes);
}

/** Bytes that texts take in a message, at most. */
export function roomOf(...texts: readonly (string | readonly string[])[]): number {
  return texts.flat().reduce((sum, text) => sum + text.length * 3 + 24, 0);
}

/** Times and counts of the node are whole but may come as fractions of a measurement. */
export const whole = (value: number): bigint => BigInt(Math.max(0, Math.trunc(value)));
