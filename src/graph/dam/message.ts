/** The outside of a message: which fields it has, each of a type and size that the rest can rely on. */
import type { DamLimits } from './limits.ts';
import { isObject } from './query.ts';

export interface Message {
  /** Undefined: the sender left it to us. */
  readonly id: string | undefined;
  /** `@` */
  readonly answers: string | undefined;
  /** `##` */
  readonly hash: number | undefined;
  /** `dam` */
  readonly verb: string | undefined;
  readonly put: unknown;
  readonly get: unknown;
  readonly ok: unknown;
  readonly err: string | undefined;
  /** `><`: pids or URLs of those who have the message. */
  readonly seen: readonly string[] | undefined;
  /** The message itself, for verbs with fields of their own. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** gun.js reads no more of `><`. */
const seenChars = 99;
const errChars = 1000;
const okEntries = 16;

/** Undefined when it is no message. */
export function readMessage(raw: unknown, limits: DamLimits): Message | undefined {
  if (!isObject(raw)) return undefined;
  const id = readId(raw['#'], limits);
  const answers = readId(raw['@'], limits);
  if (id === null || answers === null) return undefined;
  const hash = raw['##'];
  const verb = raw['dam'];
  const err = raw['err'];
  const seen = raw['><'];
  return {
    id, answers,
    hash: typeof hash === 'number' && Number.isFinite(hash) ? hash : undefined,
    verb: typeof verb === 'string' && verb !== '' && verb.length <= limits.idChars ? verb : undefined,
    put: raw['put'],
    get: raw['get'],
    ok: shallow(raw['ok'], 2, { left: okEntries }) ? raw['ok'] : true,
    err: typeof err === 'string' ? err.slice(0, errChars) : err === undefined || err === null || err === false ? undefined : 'error',
    seen: typeof seen === 'string' ? seen.slice(0, seenChars).split(',') : undefined,
    raw,
  };
}

/** Null when there is one that cannot be used. gun.js takes numbers too. */
function readId(id: unknown, limits: DamLimits): string | undefined | null {
  if (id === undefined || id === null || id === '') return undefined;
  if (typeof id === 'string') return id.length <= limits.idChars ? id : null;
  return typeof id === 'number' && Number.isFinite(id) ? String(id) : null;
}

/** True when the value has no more than `depth` levels and `budget.left` entries, and no long text. */
export function shallow(value: unknown, depth: number, budget: { left: number }): boolean {
  if (typeof value === 'string') return value.length <= errChars;
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  for (const key in value) {
    if (--budget.left < 0 || key.length > errChars) return false;
    if (!shallow((value as Record<string, unknown>)[key], depth - 1, budget)) return false;
  }
  return true;
}
