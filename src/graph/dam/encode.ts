/** Messages as text. Written by hand from deltas: no object per node is built, and `put` is written once for all peers. */
import type { Delta, Field, Value } from '../data/types.ts';

/** `{soul: {_: {'#': soul, '>': {key: state}}, key: value}}`, fields in the order given. */
export function encodeGraph(deltas: readonly Delta[]): string {
  let text = '{';
  for (const delta of bySoul(deltas)) {
    // gun.js keeps souls and keys in plain objects, where these names are taken.
    if (Object.hasOwn(Object.prototype, delta.soul)) continue;
    const soul = JSON.stringify(delta.soul);
    let states = '';
    let values = '';
    for (const { key, value, state } of delta.fields) {
      if (key === '__proto__' || key === '_') continue;
      const quoted = JSON.stringify(key);
      states += states === '' ? `${quoted}:${state}` : `,${quoted}:${state}`;
      values += `,${quoted}:${encodeValue(value)}`;
    }
    text += `${text.length > 1 ? ',' : ''}${soul}:{"_":{"#":${soul},">":{${states}}}${values}}`;
  }
  return `${text}}`;
}

/** JSON has room for each soul once. */
function bySoul(deltas: readonly Delta[]): readonly Delta[] {
  if (deltas.length < 2) return deltas;
  const fields = new Map<string, Field[]>();
  for (const delta of deltas) {
    const known = fields.get(delta.soul);
    if (known) known.push(...delta.fields);
    else fields.set(delta.soul, [...delta.fields]);
  }
  return fields.size === deltas.length ? deltas : [...fields].map(([soul, all]) => ({ soul, fields: all }));
}

function encodeValue(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null) return `{"#":${JSON.stringify(value['#'])}}`;
  return String(value);
}

export interface PutText {
  readonly id: string;
  readonly put: string;
  /** `><`: names of those who have it, or get it now. */
  readonly to?: readonly string[];
  /** `ok`: how many acknowledgements are wished, and how many peers are near. */
  readonly acks?: number | undefined;
  readonly near?: number;
}

export function encodePut({ id, put, to, acks, near }: PutText): string {
  const names = to !== undefined && to.length > 1 ? `,"><":${JSON.stringify(to.join(','))}` : '';
  const ok = acks === undefined ? '' : `,"ok":{"@":${acks},"/":${near ?? 0}}`;
  return `{"#":${JSON.stringify(id)}${names}${ok},"put":${put}}`;
}

export function encodeGet(id: string, query: string, known: number | undefined, to: readonly string[]): string {
  const names = to.length > 1 ? `,"><":${JSON.stringify(to.join(','))}` : '';
  return `{"#":${JSON.stringify(id)}${known === undefined ? '' : `,"##":${known}`}${names},"get":${query}}`;
}

/** A piece of an answer; `next` is the id of the piece that follows. */
export function encodeAnswer(id: string, answers: string, hash: number, put: string, next: string | undefined): string {
  return `{"#":"${id}","##":${hash},"@":${JSON.stringify(answers)}${next === undefined ? '' : `,"%":"${next}"`},"put":${put}}`;
}

export function encodeAck(id: string, answers: string, ok: unknown, err: string | undefined): string {
  const error = err === undefined ? '' : `,"err":${JSON.stringify(err)}`;
  const good = ok === undefined ? '' : `,"ok":${JSON.stringify(ok)}`;
  return `{"#":${JSON.stringify(id)},"@":${JSON.stringify(answers)}${error}${good}}`;
}
