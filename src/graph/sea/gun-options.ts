/** `SEA.opt`: the parts of SEA's insides that programs and GUN's own tests call. */
import { isSeaText, parseSea } from './format.ts';
import { ownerOf } from './packed.ts';

/** A field on its way, as gun.js hands it to `pack`. */
interface FieldMessage {
  readonly '#'?: string;
  readonly '.'?: string;
  readonly ':'?: unknown;
  readonly '>'?: number;
}

type NodeLike = { readonly _?: { readonly '#'?: string; readonly '>'?: Readonly<Record<string, number>> } } & Readonly<Record<string, unknown>>;

export interface GunOptions {
  check(text: unknown): boolean;
  parse(text: unknown): Promise<unknown>;
  /** The owner's key in a soul. */
  pub(soul: unknown): string | undefined;
  /** A field with its signature as `verify` takes it; without one, the data as it came. */
  pack(data: unknown, cb: (packed: unknown) => void, key?: string, node?: NodeLike, soul?: string): void;
  /** The value of what `verify` gave; of signatures before 2019 only when bound to this place. */
  unpack(data: unknown, key?: string, node?: NodeLike): unknown;
}

export const gunOptions: GunOptions = {
  check: isSeaText,
  parse: async (text) => parseSea(text),
  pub: (soul) => (typeof soul === 'string' ? ownerOf(soul) : undefined),
  pack: (data, cb, key, node, soul) => {
    if (isSeaText(data)) return cb(data);
    const field = (typeof data === 'object' && data !== null ? data : {}) as FieldMessage;
    const whole = field['#'] !== undefined && field['.'] !== undefined && field['>'] !== undefined;
    const json = parseSea(whole ? field[':'] : data) as { readonly ':'?: unknown; readonly '~'?: unknown } | null | undefined;
    const held = typeof json === 'object' && json !== null && json !== data ? json : undefined;
    if (held?.[':'] === undefined || !held['~']) return cb(data);
    const state = field['>'] ?? (key === undefined ? undefined : node?._?.['>']?.[key]);
    cb({ m: { '#': soul ?? field['#'], '.': key ?? field['.'], ':': held[':'], '>': state }, s: held['~'] });
  },
  unpack: (data, key, node) => {
    if (data === undefined) return undefined;
    const value = typeof data === 'object' && data !== null ? (data as FieldMessage)[':'] : undefined;
    if (value !== undefined) return value;
    if (key === undefined || !node) return undefined;
    const stored = node[key];
    if (data === stored || !isSeaText(stored)) return data;
    const state = node._?.['>']?.[key] ?? Number.NaN;
    if (!Array.isArray(data) || data.length !== 4) return undefined;
    const [soul, name, old, written] = data as [unknown, unknown, unknown, unknown];
    return soul === node._?.['#'] && name === key && typeof written === 'number' && Math.floor(written) === Math.floor(state) ? old : undefined;
  },
};
