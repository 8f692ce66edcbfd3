import { GraphNode } from '../data/node.ts';
import type { Query } from '../data/types.ts';
import type { Core } from './core.ts';
import type { Position } from './position.ts';
import type { Scope } from './scope.ts';
import { takes } from './step.ts';

/**
 * Turns a position into one that no longer changes, as `once` gives it: a value as it is, a node with the fields it has
 * now. What is here is given at once while no peer is connected; otherwise peers are asked first, for a node as long as GUN
 * waits for further pieces, for a value, which GUN gives at once, only when the program says how long: `waitMs`. What is not here
 * is looked for as long as `once` looks.
 */
export function settle(core: Core, position: Position, waitMs: number | undefined, scope: Scope, then: (settled: Position) => void): void {
  if (position.kind === 'value') return settleValue(core, position, waitMs ?? 0, scope, then);
  if (position.kind !== 'node' || position.frozen) return then(position);
  const { soul, lex } = position;
  const query: Query = lex ? { soul, key: lex } : { soul };
  // Keeps the node in memory while peers are asked.
  core.hub.node(soul, scope, () => undefined);
  const give = (node: GraphNode | undefined): void => {
    const frozen = freeze(soul, node, position);
    then(frozen.size > 0 ? { ...position, frozen } : { kind: 'nothing', key: position.key, id: position.id, place: position.place, moved: position.moved });
  };
  core.load(soul, scope, (node) => {
    const here = node !== undefined && node.size > 0;
    const ask = here ? core.connected() && waitMs !== 0 : core.reachable();
    const unread = core.unread();
    if (!ask && !unread) return give(node);
    void (async () => {
      await unread;
      if (!scope.closed && ask) await core.ask(query, waitMs ?? (here ? core.settleMs : core.onceMs));
      if (!scope.closed) core.load(soul, scope, give);
    })();
  });
}

/** News of the field open a new position, and close the scope of this one. */
function settleValue(core: Core, position: Position, waitMs: number, scope: Scope, then: (settled: Position) => void): void {
  const { place } = position;
  if (!place || waitMs === 0 || !core.connected()) return then(position);
  void core.ask(place, waitMs).then(() => {
    if (!scope.closed) core.load(place.soul, scope, () => then(position));
  });
}

function freeze(soul: string, node: GraphNode | undefined, { lex }: Position & { kind: 'node' }): GraphNode {
  const frozen = new GraphNode(soul);
  for (const { key, value, state } of node?.fields() ?? []) if (takes(key, lex)) frozen.set(key, value, state);
  return frozen;
}
