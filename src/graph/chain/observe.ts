/**
 * Follows a chain through the graph as it changes.
 *
 * Each word of a chain takes the positions of the words before it and gives its own: `visit` is called with every
 * position and a scope that closes when the position is no longer true (a link leads elsewhere, a value was replaced).
 * What a visitor opens in that scope, watches and interests at peers, is given back with it; closing the outermost scope
 * leaves nothing behind.
 */
import { linkSoul } from '../data/value.ts';
import type { GraphNode } from '../data/node.ts';
import type { Field, Query, Value } from '../data/types.ts';
import type { Core } from './core.ts';
import { earlyFields, items } from './items.ts';
import { rootPosition, type Position } from './position.ts';
import type { Scope } from './scope.ts';
import { settle } from './settle.ts';
import { takes, type Path } from './step.ts';

export interface Mode {
  /** Keep an interest at the peers, so that they send changes. */
  readonly live: boolean;
  /** Tell of what is nowhere, after peers were asked for so many milliseconds. Undefined: stay silent until it comes. */
  readonly absenceMs: number | undefined;
}

export type Visit = (position: Position, scope: Scope) => void;

export function observe(core: Core, path: Path | undefined, mode: Mode, scope: Scope, visit: Visit): void {
  if (!path) return visit(rootPosition, scope);
  const { parent, step } = path;
  switch (step.kind) {
    case 'key':
      return observe(core, parent, mode, scope, (position, inner) => field(core, position, step.key, mode, inner, visit));
    case 'lex':
      return observe(core, parent, mode, scope, (position, inner) => {
        if (position.kind === 'root' || position.kind === 'node') visit({ ...position, lex: step.lex }, inner);
      });
    case 'map':
      return observe(core, parent, { ...mode, live: true, absenceMs: undefined }, scope, (position, inner) => items(core, position, step, mode, inner, visit));
    case 'once': {
      const seen = new Set<string>();
      return observe(core, parent, mode, scope, (position, inner) => {
        if (seen.has(position.id)) return;
        settle(core, position, step.waitMs, inner, (settled) => {
          if (seen.has(position.id)) return;
          seen.add(position.id);
          // In the outer scope: a snapshot stays although what it was taken of changes.
          visit(settled, scope);
        });
      });
    }
  }
}

/** The position that a field's value makes. */
export function positionOf(value: Value | undefined, from: Position, place: { readonly soul: string; readonly key: string }, id: string, moved: boolean): Position {
  const common = { key: place.key, id, place, moved: moved || from.moved };
  if (value === undefined) return { kind: 'nothing', ...common };
  const soul = linkSoul(value);
  if (soul === undefined) return { kind: 'value', value, ...common };
  return { kind: 'node', soul, lex: undefined, frozen: undefined, ...common };
}

function field(core: Core, from: Position, key: string, mode: Mode, scope: Scope, visit: Visit): void {
  if (from.kind === 'root') return visit({ kind: 'node', soul: key, key, id: from.id, place: undefined, lex: undefined, frozen: undefined, moved: false }, scope);
  if (from.kind !== 'node' || !takes(key, from.lex)) return visit({ kind: 'nothing', key, id: from.id, place: undefined, moved: from.moved }, scope);
  const place = { soul: from.soul, key };
  if (from.frozen) return visit(positionOf(from.frozen.value(key), from, place, from.id, false), scope);

  let current: Scope | undefined;
  let shown: Value | undefined;
  const show = (value: Value | undefined): void => {
    const soul = linkSoul(value);
    const before = linkSoul(shown);
    // A link that is written again to where it led is no news; what changed there is told by that node.
    if (current && soul !== undefined && soul === before) return;
    current?.close();
    current = scope.child();
    shown = value;
    visit(positionOf(value, from, place, from.id, before !== undefined), current);
  };

  const early: Value[] = [];
  let loaded = false;
  core.hub.field(from.soul, key, scope, (change: Field) => {
    if (loaded) show(change.value);
    else if (early.length < earlyFields) early.push(change.value);
  });
  if (mode.live) scope.onClose(core.peer.subscribe(place));
  core.load(from.soul, scope, (node) => {
    loaded = true;
    const value = node?.value(key);
    // The last of the early ones is in the node too.
    for (const before of early.splice(0).slice(0, -1)) show(before);
    if (value !== undefined) show(value);
    else if (mode.absenceMs !== undefined) {
      whenAbsent(core, place, mode.absenceMs, scope, (now) => {
        if (!current) show(now?.value(key));
      });
    }
  });
}

/**
 * Calls `then` with the node, or undefined, when the puts under way can be read and every peer had its time to give what
 * is asked for: at once where nobody could.
 */
export function whenAbsent(core: Core, query: Query & { readonly soul: string }, waitMs: number, scope: Scope, then: (node: GraphNode | undefined) => void): void {
  const unread = core.unread();
  if (!unread && !core.reachable()) return then(core.peer.peek(query.soul));
  void (async () => {
    await unread;
    if (!scope.closed && core.reachable()) await core.ask(query, waitMs);
    if (!scope.closed) core.load(query.soul, scope, then);
  })();
}
