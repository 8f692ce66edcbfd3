import type { Value } from './types.ts';

/** What a field may hold: null, text, a boolean, a finite number, or a link to a soul that is not empty. */
export function isValue(x: unknown): x is Value {
  switch (typeof x) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(x);
    default:
      return x === null || linkSoul(x) !== undefined;
  }
}

/** The soul a link leads to; undefined for everything that is not exactly `{'#': soul}`. */
export function linkSoul(x: unknown): string | undefined {
  if (typeof x !== 'object' || x === null || !Object.hasOwn(x, '#') || Object.keys(x).length !== 1) return undefined;
  const soul = (x as { readonly '#': unknown })['#'];
  return typeof soul === 'string' && soul !== '' ? soul : undefined;
}
