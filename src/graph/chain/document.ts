import type { GraphNode } from '../data/node.ts';
import type { Timer } from '../../std/std.ts';
import { linkSoul } from '../data/value.ts';
import type { Core } from './core.ts';
import { observe, whenAbsent } from './observe.ts';
import { define, nodeData, type Position } from './position.ts';
import { Scope } from './scope.ts';
import type { Path } from './step.ts';

export interface DocumentOptions {
  /** Links to follow from the first node; those at the edge stay links. Default 32. */
  readonly depth?: number;
  /** Nodes to take in; links to further ones stay links. Default 10,000. */
  readonly nodes?: number;
  /** `load`: how long nodes that are not here are looked for, in milliseconds. Default that of `once`. */
  readonly wait?: number;
}

/**
 * Gives the node a chain leads to with the nodes it links to in place of the links, and again when one of them changes;
 * changes of one turn are put together. A node that occurs twice, in a circle too, is one object. `whole` tells that no
 * node is being looked for.
 */
export function follow(core: Core, path: Path | undefined, options: DocumentOptions, scope: Scope, deliver: (document: unknown, position: Position, whole: boolean) => void): void {
  observe(core, path, { live: true, absenceMs: options.wait ?? core.onceMs }, scope, (position, inner) => {
    if (position.kind === 'node') new Document(core, position, options, inner, deliver).refresh();
    else deliver(position.kind === 'value' ? position.value : undefined, position, true);
  });
}

class Document {
  readonly #core: Core;
  readonly #position: Position & { kind: 'node' };
  readonly #depth: number;
  readonly #limit: number;
  readonly #waitMs: number;
  readonly #scope: Scope;
  readonly #deliver: (document: unknown, position: Position, whole: boolean) => void;
  readonly #watched = new Map<string, Scope>();
  /** Watched nodes of which it is not known yet whether there is anything. */
  readonly #sought = new Set<string>();
  #soon: Timer | undefined;

  constructor(core: Core, position: Position & { kind: 'node' }, options: DocumentOptions, scope: Scope, deliver: (document: unknown, position: Position, whole: boolean) => void) {
    this.#core = core;
    this.#position = position;
    this.#depth = options.depth ?? 32;
    this.#limit = options.nodes ?? 10_000;
    this.#waitMs = options.wait ?? core.onceMs;
    this.#scope = scope;
    this.#deliver = deliver;
    scope.onClose(() => this.#soon?.cancel());
  }

  /** Builds anew: watches what became reachable, lets go of what no longer is. */
  refresh(): void {
    if (this.#scope.closed) return;
    const { soul } = this.#position;
    const objects = new Map<string, Record<string, unknown>>();
    const reached = new Set([soul]);
    let level = [soul];
    const links: { readonly into: Record<string, unknown>; readonly key: string; readonly soul: string }[] = [];
    for (let depth = 0; level.length > 0; depth++) {
      const next: string[] = [];
      for (const at of level) {
        const node = this.#watch(at);
        if (!node || node.size === 0) continue;
        const object: Record<string, unknown> = nodeData(at, node.fields());
        objects.set(at, object);
        for (const { key, value } of node.fields()) {
          const to = linkSoul(value);
          if (to === undefined) continue;
          if (!reached.has(to) && depth < this.#depth && reached.size < this.#limit) {
            reached.add(to);
            next.push(to);
          }
          if (reached.has(to)) links.push({ into: object, key, soul: to });
        }
      }
      level = next;
    }
    for (const { into, key, soul: to } of links) {
      const object = objects.get(to);
      if (object) define(into, key, object);
    }
    for (const [watched, scope] of this.#watched) {
      if (reached.has(watched)) continue;
      scope.close();
      this.#watched.delete(watched);
      this.#sought.delete(watched);
    }
    const document = objects.get(soul);
    if (document || this.#sought.size === 0) this.#deliver(document, this.#position, this.#sought.size === 0);
  }

  #watch(soul: string): GraphNode | undefined {
    if (this.#watched.has(soul)) return this.#core.peer.peek(soul);
    const core = this.#core;
    const scope = this.#scope.child();
    this.#watched.set(soul, scope);
    core.hub.node(soul, scope, () => this.#later());
    scope.onClose(core.peer.subscribe({ soul }));
    this.#sought.add(soul);
    let now = true;
    core.load(soul, scope, (node) => {
      if (node && node.size > 0) this.#found(soul, now);
      else whenAbsent(core, { soul }, this.#waitMs, scope, () => this.#found(soul, now));
    });
    now = false;
    return core.peer.peek(soul);
  }

  #found(soul: string, now: boolean): void {
    this.#sought.delete(soul);
    if (!now) this.#later();
  }

  #later(): void {
    this.#soon ??= this.#core.clock.after(0, () => {
      this.#soon = undefined;
      this.refresh();
    });
  }
}
