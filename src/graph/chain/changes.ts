import type { Core } from './core.ts';
import { follow } from './read.ts';
import type { Path } from './step.ts';

export interface Change<Data = unknown> {
  /** The node or value as it is now; with `change: true` the fields that changed. */
  readonly data: Data;
  readonly key: string;
  /** Of the node, or of the node that holds the value. */
  readonly soul: string | undefined;
  /** Items that were left out since the last change, because more than `buffer` waited. */
  readonly dropped: number;
}

export interface ChangeOptions {
  /** Only the fields that changed, after a first whole node. Default false. */
  readonly change?: boolean;
  /** How many items may wait to be read; changes of one item are put together. Default 1,024. */
  readonly buffer?: number;
  readonly signal?: AbortSignal;
}

interface Waiting {
  data: unknown;
  readonly key: string;
  readonly soul: string | undefined;
}

/** Changes as an async iterable. Listens from the call on; ends, and gives everything back, with `return` or the signal. */
export function changes(core: Core, path: Path | undefined, options: ChangeOptions): AsyncIterableIterator<Change> {
  const { change = false, buffer = 1_024, signal } = options;
  const waiting = new Map<string, Waiting>();
  const scope = core.open(path);
  let dropped = 0;
  const sleepers = new Set<() => void>();
  const wake = (): void => {
    for (const sleeper of sleepers) sleeper();
    sleepers.clear();
  };
  const end = (): void => scope.close();
  signal?.addEventListener('abort', end, { once: true });
  scope.onClose(() => {
    signal?.removeEventListener('abort', end);
    wake();
  });
  if (signal?.aborted) end();
  else {
    follow(core, path, scope, change, ({ data, position }) => {
      const before = waiting.get(position.id);
      if (before) before.data = change ? joined(before.data, data) : data;
      else if (waiting.size >= buffer) dropped++;
      else waiting.set(position.id, { data, key: position.key, soul: position.kind === 'node' ? position.soul : position.place?.soul });
      wake();
    });
  }
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      while (waiting.size === 0 && !scope.closed) {
        await new Promise<void>((resolve) => sleepers.add(resolve));
      }
      for (const [id, item] of waiting) {
        waiting.delete(id);
        const value: Change = { ...item, dropped };
        dropped = 0;
        return { done: false, value };
      }
      return { done: true, value: undefined };
    },
    async return() {
      end();
      waiting.clear();
      return { done: true, value: undefined };
    },
  };
}

/** Two diffs of one item as one; a value, or a diff of another node, takes the place of what was there. */
function joined(before: unknown, after: unknown): unknown {
  if (!isNode(before) || !isNode(after) || before._['#'] !== after._['#']) return after;
  return { ...before, ...after, _: { '#': after._['#'], '>': { ...before._['>'], ...after._['>'] } } };
}

function isNode(x: unknown): x is { _: { '#': string; '>': Record<string, number> } } {
  return typeof x === 'object' && x !== null && '_' in x;
}
