import type { Delta, WireGraph, WireNode } from './types.ts';

/**
 * Nodes as a message carries them. A soul or key `__proto__` is left out: gun.js would write it into
 * `Object.prototype` of its whole page. Deltas of one soul come together.
 */
export function toWire(deltas: readonly Delta[]): WireGraph {
  const graph: WireGraph = {};
  for (const { soul, fields } of deltas) {
    if (soul === '__proto__') continue;
    const node = (Object.hasOwn(graph, soul) ? graph[soul] : undefined) ?? ({ _: { '#': soul, '>': {} } } satisfies WireNode);
    graph[soul] = node;
    const states = node._['>'];
    for (const { key, value, state } of fields) {
      if (key === '_' || key === '__proto__') continue;
      states[key] = state;
      node[key] = value;
    }
  }
  return graph;
}
