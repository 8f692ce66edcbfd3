import type { Scalar } from '../data/types.ts';
import type { GraphReader, LimitName, TraverseOptions } from './reader.ts';
import { walk } from './walk.ts';

/** A node as plain objects: a link holds the object it leads to where that stands here first, otherwise `{'#': soul}`. */
export interface Nested {
  [key: string]: Scalar | Nested;
}

export interface NestedOptions extends Omit<TraverseOptions, 'expand'> {
  /** Leaves the soul of each object in `_: {'#': soul}`, as `put` takes it. Default true. */
  readonly souls?: boolean;
}

/** Beyond this depth links stay links, since JSON's own reader and writer recurse. */
const defaultDepth = 64;

/**
 * The tree of a soul. Each node is nested once, where it is nearest to the root: further links to it, cycles, links to
 * souls without data and those beyond a limit stay `{'#': soul}`. Deleted fields are left out. Undefined without data.
 */
export async function toNested(reader: GraphReader, root: string, options: NestedOptions = {}): Promise<{ readonly value: Nested | undefined; readonly limitedBy: LimitName | undefined }> {
  const { souls = true, ...limits } = options;
  const objects = new Map<string, Nested>();
  let value: Nested | undefined;
  const steps = walk(reader, [root], { maxDepth: defaultDepth, ...limits });
  for await (const { soul, node, via } of steps) {
    if (node === undefined) continue;
    const object = Object.create(null) as Nested;
    if (souls) object['_'] = Object.assign(Object.create(null) as Nested, { '#': soul });
    for (const { key, value: held } of node.fields()) {
      if (held !== null) object[key] = typeof held === 'object' ? Object.assign(Object.create(null) as Nested, held) : held;
    }
    objects.set(soul, object);
    if (via === undefined) value = object;
    else (objects.get(via.source) as Nested)[via.key] = object;
  }
  return { value, limitedBy: steps.limitedBy };
}
