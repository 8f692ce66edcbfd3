/** Whether all members hold the same graph, and whether it is one that the writes allow. */
import { createHash } from 'node:crypto';
import type { Entry } from './member.ts';

/** What one member knows. */
export type Known = ReadonlyMap<string, readonly Entry[]>;

export interface Difference {
  readonly soul: string;
  readonly key: string;
  /** The newest that anybody has. */
  readonly newest: Entry;
  readonly holders: readonly string[];
  readonly others: Readonly<Record<string, Entry | undefined>>;
}

/** The same for the same fields, in whatever order they were given. */
export function hashOf(entries: readonly Entry[]): string {
  const lines = entries.map(textOf).toSorted();
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);
}

function textOf([soul, key, state, value]: Entry): string {
  return JSON.stringify([soul, key, state, value]);
}

/** Every field on which members do not agree. */
export function differences(known: Known): Difference[] {
  const fields = new Map<string, Map<string, Entry>>();
  for (const [member, entries] of known) {
    for (const entry of entries) {
      const name = JSON.stringify([entry[0], entry[1]]);
      const holders = fields.get(name) ?? new Map<string, Entry>();
      fields.set(name, holders.set(member, entry));
    }
  }
  const found: Difference[] = [];
  for (const holders of fields.values()) {
    const newest = [...holders.values()].reduce((best, entry) => (isNewer(entry, best) ? entry : best));
    const agreeing = [...known.keys()].filter((member) => holders.has(member) && textOf(holders.get(member) as Entry) === textOf(newest));
    if (agreeing.length === known.size) continue;
    const others = Object.fromEntries([...known.keys()].filter((member) => !agreeing.includes(member)).map((member) => [member, holders.get(member)]));
    found.push({ soul: newest[0], key: newest[1], newest, holders: agreeing, others });
  }
  return found;
}

/** By state, then by the text of the value: the rule of the mesh, written down a second time. */
export function isNewer([, , state, value]: Entry, [, , otherState, other]: Entry): boolean {
  return state === otherState ? JSON.stringify(value) > JSON.stringify(other) : state > otherState;
}

/** Fields that somebody was told to be on disk, and that are neither there nor replaced by anything newer. */
export function lost(acknowledged: readonly Entry[], entries: readonly Entry[]): Entry[] {
  const now = new Map(entries.map((entry) => [JSON.stringify([entry[0], entry[1]]), entry]));
  return acknowledged.filter((entry) => {
    const there = now.get(JSON.stringify([entry[0], entry[1]]));
    return there === undefined || isNewer(entry, there);
  });
}
