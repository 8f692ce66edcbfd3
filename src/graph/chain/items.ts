import type { GraphNode } from '../data/node.ts';
import type { Field, Lex, Value } from '../data/types.ts';
import { linkSoul } from '../data/value.ts';
import type { Core } from './core.ts';
import { positionOf, type Mode, type Visit } from './observe.ts';
import { nodeData, pathTo, type Position } from './position.ts';
import type { Scope } from './scope.ts';
import { takes, type MapFunction, type Step } from './step.ts';

/** Changes of a node that is being loaded are told one by one, as far as they are so many. */
export const earlyFields = 1_000;

type MapStep = Step & { readonly kind: 'map' };

/** Every field of a node, and those that come: what `map` leads to. Under the root, every soul. */
export function items(core: Core, from: Position, step: MapStep, mode: Mode, scope: Scope, visit: Visit): void {
  const { fn } = step;
  const each: Visit = fn ? (position, inner) => mapped(core, position, fn, inner, visit) : visit;
  if (from.kind === 'root') return souls(core, step.lex ?? from.lex, mode, scope, each);
  if (from.kind !== 'node') return;
  const shown = new Map<string, { readonly scope: Scope; readonly value: Value }>();
  const show = ({ key, value }: Field): void => {
    if (!takes(key, from.lex) || !takes(key, step.lex)) return;
    const before = shown.get(key);
    const led = before && linkSoul(before.value);
    if (led !== undefined && led === linkSoul(value)) return;
    before?.scope.close();
    const inner = scope.child();
    shown.set(key, { scope: inner, value });
    each(positionOf(value, from, { soul: from.soul, key }, itemId(from.id, key), led !== undefined), inner);
  };
  if (from.frozen) {
    for (const field of from.frozen.fields()) show(field);
    return;
  }
  const lex = step.lex ?? from.lex;
  const early: Field[] = [];
  let loaded = false;
  core.hub.node(from.soul, scope, (fields) => {
    if (loaded) for (const field of fields) show(field);
    else if (early.length < earlyFields) early.push(...fields);
  });
  if (mode.live) scope.onClose(core.peer.subscribe(lex ? { soul: from.soul, key: lex } : { soul: from.soul }));
  const begin = (node: GraphNode | undefined): void => {
    loaded = true;
    for (const field of early.splice(0)) show(field);
    // Of a copy, since callbacks may add fields while we walk.
    for (const key of node?.keys().slice() ?? []) {
      const field = core.peer.peek(from.soul)?.field(key) ?? node?.field(key);
      if (field && !shown.has(key) && !scope.closed) show(field);
    }
  };
  if (lex) void range(core, from.soul, lex, scope, begin);
  else core.load(from.soul, scope, begin);
}

async function range(core: Core, soul: string, lex: Lex, scope: Scope, begin: (node: GraphNode | undefined) => void): Promise<void> {
  try {
    const node = await core.peer.range(soul, lex);
    if (!scope.closed) core.hub.turn(() => begin(node));
  } catch (error) {
    core.log(`the range of ${soul} cannot be read: ${String(error)}`);
    if (!scope.closed) begin(undefined);
  }
}

function itemId(id: string, key: string): string {
  return `${id}${key.length}:${key}`;
}

function souls(core: Core, lex: Lex | undefined, mode: Mode, scope: Scope, visit: Visit): void {
  const shown = new Set<string>();
  const show = (soul: string): void => {
    if (scope.closed || shown.has(soul) || !takes(soul, lex)) return;
    shown.add(soul);
    core.hub.turn(() => visit({ kind: 'node', soul, key: soul, id: itemId('', soul), place: undefined, lex: undefined, frozen: undefined, moved: false }, scope.child()));
  };
  scope.onClose(core.peer.watchAll(({ soul }) => queueMicrotask(() => show(soul))));
  if (mode.live && lex) scope.onClose(core.peer.subscribe({ soul: lex }));
  void (async () => {
    try {
      for await (const soul of core.peer.souls(lex)) {
        if (scope.closed) return;
        show(soul);
      }
    } catch (error) {
      core.log(`souls cannot be listed: ${String(error)}`);
    }
  })();
}

/** Sends an item through the program's function whenever it changes. */
function mapped(core: Core, item: Position, fn: MapFunction, scope: Scope, visit: Visit): void {
  const run = (data: unknown): unknown => {
    let out: unknown;
    core.call(() => (out = fn.call(core.chain(pathTo(item)), data, item.key)));
    return out;
  };
  let inner: Scope | undefined;
  const replace = (position: Position): void => {
    inner?.close();
    inner = scope.child();
    visit(position, inner);
  };
  if (item.kind === 'value') {
    const out = run(item.value);
    if (out !== undefined) replace({ ...item, value: out });
    return;
  }
  if (item.kind !== 'node') return;
  let passes = false;
  const judge = (fields: Iterable<Field>): void => {
    const data = nodeData(item.soul, fields);
    const out = run(data);
    if (out === undefined) inner?.close();
    else if (out !== data) replace({ kind: 'value', value: out, key: item.key, id: item.id, place: item.place, moved: item.moved });
    else if (!passes) replace(item);
    passes = out === data;
  };
  let loaded = false;
  core.hub.node(item.soul, scope, () => {
    const node = core.peer.peek(item.soul);
    if (loaded && node) judge(node.fields());
  });
  scope.onClose(core.peer.subscribe({ soul: item.soul }));
  core.load(item.soul, scope, (node) => {
    loaded = true;
    if (node && node.size > 0) judge(node.fields());
  });
}
