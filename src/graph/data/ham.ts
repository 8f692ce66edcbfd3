import type { Value } from './types.ts';

/**
 * HAM: what becomes of one field that comes in. The rules of gun.js, in order: a state ahead of the clock waits; a
 * lower state loses; of equal states the value with the greater JSON text (UTF-16 order) wins; anything else is news.
 *
 * `machine` is this replica's time in milliseconds; `knownState` is -Infinity where nothing is known. `trusted` data
 * (one's own memory or store) also wins with an equal state, as in gun.js.
 */
export type Decision = 'accept' | 'reject' | 'defer';

export function decide(machine: number, incomingState: number, incoming: Value, knownState: number, known: Value | undefined, trusted = false): Decision {
  if (incomingState > machine) return 'defer';
  if (incomingState > knownState) return 'accept';
  if (incomingState < knownState) return 'reject';
  return trusted || wins(incoming, known) ? 'accept' : 'reject';
}

/**
 * Of two values with one state. The whole JSON text counts, quotes and escapes included: `"a"` beats `"a!"`, 9 beats 10.
 * Every peer of a mesh must agree on it to converge, so the order is gun.js's, not a nicer one.
 */
export function wins(incoming: Value, known: Value | undefined): boolean {
  if (known === undefined) return true;
  return incoming !== known && JSON.stringify(incoming) > JSON.stringify(known);
}
