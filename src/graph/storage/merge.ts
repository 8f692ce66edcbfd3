import { wins } from '../data/ham.ts';
import { GraphNode } from '../data/node.ts';
import type { Delta, Field, Value } from '../data/types.ts';

/**
 * Whether a field takes the place of the one that is stored. The graph decided so before; two writers of one store,
 * or writes that overtook one another, end the same by this.
 */
export function supersedes(value: Value, state: number, known: Value | undefined, knownState: number): boolean {
  return state === knownState ? wins(value, known) : state > knownState;
}

/** Number of fields that the node took. */
export function mergeInto(node: GraphNode, fields: readonly Field[]): number {
  let taken = 0;
  for (const { key, value, state } of fields) {
    if (!supersedes(value, state, node.value(key), node.state(key))) continue;
    node.set(key, value, state);
    taken++;
  }
  return taken;
}

/** Each soul once, each of its keys once. */
export function bySoul(deltas: readonly Delta[]): Map<string, readonly Field[]> {
  const changes = new Map<string, readonly Field[]>();
  for (const { soul, fields } of deltas) {
    const before = changes.get(soul);
    changes.set(soul, before === undefined ? fields : merged(soul, before, fields));
  }
  return changes;
}

function merged(soul: string, before: readonly Field[], fields: readonly Field[]): readonly Field[] {
  const node = GraphNode.from({ soul, fields: before });
  mergeInto(node, fields);
  return [...node.fields()];
}
