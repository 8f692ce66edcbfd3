import { systemClock } from '../../std/std.ts';
import { createStateClock } from '../data/clock.ts';
import { linkSoul, isValue } from '../data/value.ts';
interface Stated {
  _?: { '#'?: string; '>'?: Record<string, number> };
  [key: string]: unknown;
}

export interface State {
  /** The time of writes: milliseconds since 1970, never the same twice. */
  (): number;
  /** The state of a field, undefined where it has none. */
  is(node: Stated | undefined, key: string): number | undefined;
  /** Sets soul, field and state of a node, which is made when there is none. */
  ify(node: Stated | undefined, key?: string, state?: number, value?: unknown, soul?: string): Stated;
  drift: number;
}

const states = createStateClock(systemClock);

export const state: State = Object.assign(() => states.next(), {
  drift: 0,
  is: (node: Stated | undefined, key: string) => {
    const known = node?._?.['>'];
    return known && Object.hasOwn(known, key) ? known[key] : undefined;
  },
  ify: (node: Stated | undefined, key?: string, at?: number, value?: unknown, soul?: string) => {
    const made: Stated = node?._ ? node : { _: {} };
    const meta = made._ as { '#'?: string; '>'?: Record<string, number> };
    if (soul !== undefined && soul !== '') meta['#'] = soul;
    meta['>'] ??= {};
    if (key === undefined || key === '_' || key === '__proto__') return made;
    if (typeof at === 'number') meta['>'][key] = at;
    if (value !== undefined) made[key] = value;
    return made;
  },
});

/** True for a scalar, the soul for a link, false for what no field can hold. */
export function valid(value: unknown): boolean | string {
  return linkSoul(value) ?? isValue(value);
}
