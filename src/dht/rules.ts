/** Which values are kept, and which of two wins. The same for what arrives, what is found and what is put. */
import type { Clock } from '../std/std.ts';
import { type RecordRules, limits } from './dht.ts';
import { parseValueKey } from './keys.ts';

/** What a host asks about inbound records: `HostOptions.acceptRecord`. Never throws. */
export function recordAcceptor(
  rules: Readonly<Record<string, RecordRules>>,
  clock: Pick<Clock, 'nowMs'>,
): (key: Uint8Array, value: Uint8Array, held: Uint8Array | undefined) => boolean {
  return (key, value, held) => {
    const name = parseValueKey(key);
    const rule = name && ruleOf(rules, name.type);
    if (!name || !rule || !isValid(rule, name.id, value, clock.nowMs())) return false;
    return held === undefined || !isValid(rule, name.id, held, clock.nowMs()) || isNewerOrSame(rule, value, held);
  };
}

export function ruleOf(rules: Readonly<Record<string, RecordRules>>, type: string): RecordRules | undefined {
  return Object.hasOwn(rules, type) ? rules[type] : undefined;
}

export function isValid(rule: RecordRules, id: string, value: Uint8Array, nowMs: number): boolean {
  if (value.length > limits.valueBytes) return false;
  try {
    return rule.valid(id, value, nowMs);
  } catch {
    return false;
  }
}

/** Two values of one age are ordered by their bytes, so that all nodes keep the same one. */
export function isNewerOrSame(rule: RecordRules, a: Uint8Array, b: Uint8Array): boolean {
  let order: number;
  try {
    order = rule.compare(a, b);
  } catch {
    return false;
  }
  return order > 0 || (order === 0 && Buffer.compare(a, b) >= 0);
}

export function newest(rule: RecordRules, values: readonly Uint8Array[]): Uint8Array | undefined {
  return values.reduce<Uint8Array | undefined>((best, value) => (best === undefined || isNewerOrSame(rule, value, best) ? value : best), undefined);
}
