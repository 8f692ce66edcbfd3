import type { GraphNode } from '../data/node.ts';
import type { Field } from '../data/types.ts';
import type { Core } from './core.ts';
import { observe, whenAbsent } from './observe.ts';
import { nodeData, pathTo, type Position } from './position.ts';
import type { Scope } from './scope.ts';
import { settle } from './settle.ts';
import { rootKey, steps, takes, type Path } from './step.ts';

/** What callbacks get third, in the form of a GUN message. */
export interface Message {
  readonly put: unknown;
  readonly get: string;
  readonly '#': string | undefined;
  readonly $: unknown;
}

export interface Subscription {
  /** Ends this listener only. */
  off(): void;
}

/** `this` is the chain of the item. */
export type Listener = (this: unknown, data: unknown, key: string, message: Message, event: Subscription) => void;
/** What `get(callback)` calls: also with `put: undefined` where nothing is. */
export type RawListener = (this: unknown, message: Message, event: Subscription) => void;

export interface Delivery {
  readonly data: unknown;
  readonly position: Position;
}

/** Calls `deliver` with every value and every state of a node that the chain leads to, now and later. `change`: only what changed. */
export function follow(core: Core, path: Path | undefined, scope: Scope, change: boolean, deliver: (delivery: Delivery) => void): void {
  observe(core, path, { live: true, absenceMs: undefined }, scope, (position, inner) => {
    if (position.kind === 'value') return deliver({ data: position.value, position });
    if (position.kind !== 'node') return;
    const { soul, lex, frozen } = position;
    const give = (fields: Iterable<Field>): void => {
      const taken = [...fields].filter(({ key }) => takes(key, lex));
      if (taken.length > 0) deliver({ data: nodeData(soul, taken), position });
    };
    if (frozen) return give(frozen.fields());
    let loaded = false;
    core.hub.node(soul, inner, (fields) => {
      if (!loaded) return;
      if (change) return give(fields);
      if (lex && !fields.some(({ key }) => takes(key, lex))) return;
      give(core.peer.peek(soul)?.fields() ?? fields);
    });
    inner.onClose(core.peer.subscribe(lex ? { soul, key: lex } : { soul }));
    core.load(soul, inner, (node) => {
      loaded = true;
      if (node) give(node.fields());
    });
  });
}

export function on(core: Core, path: Path | undefined, listener: Listener, change: boolean): Scope {
  const scope = core.open(path);
  const event: Subscription = { off: () => scope.close() };
  follow(core, path, scope, change, ({ data, position }) => tell(core, listener, data, position, event, scope));
  return scope;
}

export interface OnceOptions {
  /** How long peers are asked, in milliseconds; 0 for what is here only. */
  readonly wait?: number | undefined;
}

/** Each item once: what it is as soon as it is known, undefined when a chain of one leads to nothing. */
export function once(core: Core, path: Path | undefined, waitMs: number | undefined, scope: Scope, deliver: (delivery: Delivery) => void): void {
  const writes = core.ownWrites(rootKey(path));
  if (writes) {
    // What this program wrote, it reads.
    void writes.then(() => scope.closed || once(core, path, waitMs, scope, deliver));
    return;
  }
  const many = isMany(path);
  const done = new Set<string>();
  observe(core, path, { live: many, absenceMs: many ? undefined : (waitMs ?? core.onceMs) }, scope, (position, inner) => {
    if (done.has(position.id)) return;
    const give = (settled: Position): void => {
      if (inner.closed || done.has(position.id)) return;
      if (many && settled.kind === 'nothing') return;
      done.add(position.id);
      if (many) inner.close();
      else scope.close();
      deliver({ data: dataOf(settled), position: settled });
    };
    settle(core, position, waitMs, inner, (settled) => {
      give(settled);
      // An item whose node has not come yet is told of when it comes.
      if (inner.closed || position.kind !== 'node' || !many) return;
      core.hub.node(position.soul, inner, () => settle(core, position, waitMs, inner, give));
      inner.onClose(core.peer.subscribe({ soul: position.soul }));
    });
  });
}

/** Calls back with the key as soon as it is known that nothing is there. */
export function not(core: Core, path: Path | undefined, waitMs: number | undefined, callback: (this: unknown, key: string) => void): Scope {
  const scope = core.open(path);
  once(core, path, waitMs, scope, ({ data, position }) => {
    if (data === undefined) core.call(() => callback.call(core.chain(path), position.key));
  });
  return scope;
}

/** GUN's lowest form of reading: every position, with undefined where nothing is or what was there is cut off. */
export function raw(core: Core, path: Path | undefined, listener: RawListener): Scope {
  const scope = core.open(path);
  const event: Subscription = { off: () => scope.close() };
  const told = new Map<string, boolean>();
  const tellRaw = (data: unknown, position: Position): void => {
    if (data === undefined && told.get(position.id) === false) return;
    told.set(position.id, data !== undefined);
    if (!scope.closed) core.call(() => listener.call(core.chain(pathTo(position)), message(core, data, position), event));
  };
  observe(core, path, { live: true, absenceMs: core.onceMs }, scope, (position, inner) => {
    if (position.moved && told.get(position.id)) tellRaw(undefined, position);
    if (position.kind !== 'node') return tellRaw(position.kind === 'value' ? position.value : undefined, position);
    const { soul, lex } = position;
    const give = (node: GraphNode | undefined): void => {
      const fields = [...(node?.fields() ?? [])].filter(({ key }) => takes(key, lex));
      if (fields.length > 0) tellRaw(nodeData(soul, fields), position);
    };
    let loaded = false;
    core.hub.node(soul, inner, () => loaded && give(core.peer.peek(soul)));
    inner.onClose(core.peer.subscribe({ soul }));
    core.load(soul, inner, (node) => {
      loaded = true;
      give(node);
      if (node?.size) return;
      whenAbsent(core, { soul }, core.onceMs, inner, (now) => {
        if (!now?.size) tellRaw(undefined, position);
        else if (!told.get(position.id)) give(now);
      });
    });
  });
  return scope;
}

export function tell(core: Core, listener: Listener, data: unknown, position: Position, event: Subscription, scope?: Scope): void {
  if (scope?.closed) return;
  const about = message(core, data, position);
  core.call(() => listener.call(about.$, data, position.key, about, event));
}

function message(core: Core, data: unknown, position: Position): Message {
  const soul = position.kind === 'node' ? position.soul : position.place?.soul;
  return { put: data, get: position.key, '#': soul, $: core.chain(pathTo(position)) };
}

export function dataOf(position: Position): unknown {
  if (position.kind === 'value') return position.value;
  return position.kind === 'node' && position.frozen ? nodeData(position.soul, position.frozen.fields()) : undefined;
}

/** Does the chain lead to more than one place? */
export function isMany(path: Path | undefined): boolean {
  return steps(path).some((step, at) => step.kind === 'map' || (step.kind === 'lex' && at === 0));
}
