/** The `get` of a message: checked on the way in, in gun.js's form on the way out. */
import type { Lex, Query } from '../data/types.ts';
import type { DamLimits } from './limits.ts';

/** Undefined when it asks for nothing that could be answered. */
export function readQuery(get: unknown, limits: DamLimits): Query | undefined {
  if (!isObject(get)) return undefined;
  const budget = readBudget(get['%']);
  const asked = get['#'];
  if (asked === undefined) {
    // `gun.get({'*': 'user/'})` of gun.js forgets to say that its lex is one over souls.
    const soul = readLex(get, limits.soulChars, undefined);
    return soul && { soul };
  }
  const key = get['.'];
  if (typeof asked === 'string') {
    if (asked === '' || asked.length > limits.soulChars) return undefined;
    if (key === undefined || key === '') return { soul: asked };
    if (typeof key === 'string') return key.length > limits.keyChars ? undefined : { soul: asked, key };
    const lex = readLex(key, limits.keyChars, budget);
    return lex && { soul: asked, key: lex };
  }
  const soul = readLex(asked, limits.soulChars, budget);
  if (!soul) return undefined;
  if (key === undefined || key === '') return { soul };
  if (typeof key === 'string') return key.length > limits.keyChars ? undefined : { soul, key };
  const lex = readLex(key, limits.keyChars, undefined);
  return lex && { soul, key: lex };
}

export function writeQuery({ soul, key }: Query): string {
  const budget = (typeof key === 'object' ? key['%'] : undefined) ?? (typeof soul === 'object' ? soul['%'] : undefined);
  const asked: Record<string, unknown> = { '#': typeof soul === 'string' ? soul : bare(soul) };
  if (key !== undefined) asked['.'] = typeof key === 'string' ? key : bare(key);
  if (budget !== undefined) asked['%'] = budget;
  return JSON.stringify(asked);
}

function bare(lex: Lex): Lex {
  const { '%': _budget, ...rest } = lex;
  return rest;
}

function readLex(lex: unknown, chars: number, budget: number | undefined): Lex | undefined {
  if (!isObject(lex)) return undefined;
  const read: { -readonly [K in keyof Lex]: Lex[K] } = {};
  for (const bound of ['=', '*', '>', '<'] as const) {
    const text = lex[bound];
    if (text === undefined) continue;
    if (typeof text !== 'string' || text.length > chars) return undefined;
    read[bound] = text;
  }
  if (lex['-'] === 1 || lex['-'] === true) read['-'] = 1;
  const bytes = readBudget(lex['%']) ?? budget;
  if (bytes !== undefined) read['%'] = bytes;
  return read;
}

function readBudget(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value < 2 ** 31 ? value : undefined;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
