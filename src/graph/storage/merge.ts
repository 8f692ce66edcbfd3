import type { GraphNode } from '../data/node.ts';
import type { Field, Value } from '../data/types.ts';

/**
 * Whether a field takes the place of the one that is stored: by higher state, on equal states by GUN's order of JSON texts.
 * The graph decided so before; two writers of one store, or writes that overtook one another, end the same by this.
 */
export function supersedes(value: Value, state: number, known: Value, knownState: number): boolean {
  if (state !== knownState) return state > knownState;
  return value !== known && JSON.stringify(value) > JSON.stringify(known);
}

/** Number of fields that the node took. */
export function mergeInto(node: GraphNode, fields: readonly Field[]): number {
  let taken = 0;
  for (const { key, value, state } of fields) {
    const known = node.value(key);
    if (known !== undefined && !supersedes(value, state, known, node.state(key))) continue;
    node.set(key, value, state);
    taken++;
  }
  return taken;
}
