/** Bodies of the verbs of healing, checked on the way in. Their words stand in `schema/graph-dam.md`. */
import { graphLimits, isShort } from '../data/check.ts';
import { localSoul } from '../data/local-soul.ts';
import { compareText } from '../data/order.ts';
import type { Delta, Field, Value } from '../data/types.ts';
import { isValue } from '../data/value.ts';
import type { ReconcileLimits } from './limits.ts';

/** A soul with the sum of the hashes of its fields. */
export interface SoulSum {
  readonly soul: string;
  readonly low: number;
  readonly high: number;
}

/** Fields of a body by name; undefined when it is none. */
export function readBody(body: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : undefined;
}

export function isCount(value: unknown, below: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < below;
}

/** Different whole numbers below `below`, ascending. */
export function readNumbers(value: unknown, below: number): readonly number[] | undefined {
  if (!Array.isArray(value) || value.length > below) return undefined;
  let before = -1;
  for (const each of value as unknown[]) {
    if (!isCount(each, below) || each <= before) return undefined;
    before = each;
  }
  return value as number[];
}

export function readWords(value: unknown, count: number): readonly number[] | undefined {
  if (!Array.isArray(value) || value.length !== count) return undefined;
  return (value as unknown[]).every((each) => isCount(each, 2 ** 32)) ? (value as number[]) : undefined;
}

export function writeSums(sums: readonly SoulSum[]): unknown[] {
  return sums.flatMap(({ soul, low, high }) => [soul, low, high]);
}

/** `[soul, low, high, soul, …]` in byte order of souls. */
export function readSums(value: unknown, limits: ReconcileLimits): readonly SoulSum[] | undefined {
  if (!Array.isArray(value) || value.length > limits.soulsPerMessage * 3 || value.length % 3 !== 0) return undefined;
  const sums: SoulSum[] = [];
  for (let at = 0; at < value.length; at += 3) {
    const [soul, low, high] = (value as unknown[]).slice(at, at + 3);
    if (!isSoul(soul) || !isCount(low, 2 ** 32) || !isCount(high, 2 ** 32)) return undefined;
    const before = sums.at(-1);
    if (before && compareText(before.soul, soul) >= 0) return undefined;
    sums.push({ soul, low, high });
  }
  return sums;
}

export function readSouls(value: unknown, limits: ReconcileLimits): readonly string[] | undefined {
  return Array.isArray(value) && value.length <= limits.soulsPerMessage && (value as unknown[]).every(isSoul) ? (value as string[]) : undefined;
}

/** A node as `[soul, key, value, state, key, …]`: no key is said twice, as GUN's form does, and nothing is sorted. */
export function writeNode(soul: string, fields: readonly Field[]): unknown[] {
  const row: unknown[] = [soul];
  for (const { key, value, state } of fields) row.push(key, value, state);
  return row;
}

/** All of it or nothing. */
export function readNodes(value: unknown, limits: ReconcileLimits): readonly Delta[] | undefined {
  if (!Array.isArray(value) || value.length > limits.nodeFields) return undefined;
  const deltas: Delta[] = [];
  let left = limits.nodeFields;
  for (const row of value as unknown[]) {
    if (!Array.isArray(row) || row.length < 4 || row.length % 3 !== 1) return undefined;
    left -= (row.length - 1) / 3;
    const delta = left < 0 ? undefined : readNode(row);
    if (!delta) return undefined;
    deltas.push(delta);
  }
  return deltas;
}

function readNode(row: readonly unknown[]): Delta | undefined {
  const soul = row[0];
  if (!isSoul(soul)) return undefined;
  const fields: Field[] = [];
  for (let at = 1; at < row.length; at += 3) {
    const key = row[at];
    const value = row[at + 1];
    const state = row[at + 2];
    if (typeof key !== 'string' || key === '' || key === '_' || key === '__proto__' || key.length > graphLimits.keyChars) return undefined;
    if (!isValue(value) || isLong(value)) return undefined;
    if (typeof state !== 'number' || !Number.isFinite(state)) return undefined;
    fields.push({ key, value, state });
  }
  const keys = new Set(fields.map(({ key }) => key));
  return keys.size === fields.length ? { soul, fields } : undefined;
}

function isSoul(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value !== localSoul && value.length <= graphLimits.soulChars && !Object.hasOwn(Object.prototype, value);
}

function isLong(value: Value): boolean {
  if (typeof value === 'string') return !isShort(value, graphLimits.valueChars);
  return typeof value === 'object' && value !== null && value['#'].length > graphLimits.soulChars;
}
