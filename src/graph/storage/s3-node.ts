/** Names and contents of the objects that nodes of the graph lie in, per `schema/graph-store.md`. */
import { createHash } from 'node:crypto';
import { PangeaError } from '../../errors/errors.ts';
import { GraphNode } from '../data/node.ts';
import { isValue } from '../data/value.ts';
import { encodeText } from './durable-text.ts';

const nodes = 'n/';
/** S3 allows keys of 1,024 bytes; two hexadecimal digits a byte, and room for a prefix of the bucket. */
const soulBytes = 400;
const hash = '~';

/** In order of souls, but for those that are told apart by a hash. */
export function objectKey(soul: string): string {
  const bytes = encodeText(soul);
  if (bytes.length <= soulBytes) return nodes + bytes.toString('hex');
  return nodes + bytes.toString('hex', 0, soulBytes) + hash + createHash('sha256').update(bytes).digest('hex');
}

/** With what the keys begin of all souls that begin with this. */
export function objectPrefix(text: string): string {
  return nodes + encodeText(text).toString('hex', 0, soulBytes);
}

/** The bytes of the soul, or undefined where only the object itself tells them. */
export function soulBytesOf(key: string): Buffer | undefined {
  return isHashed(key) ? undefined : Buffer.from(key.slice(nodes.length), 'hex');
}

/** Keys of souls too long to be written out, which stand together: what they have in common, else undefined. */
export function isHashed(key: string): boolean {
  return key.includes(hash);
}

/** The first of the bytes of a long soul, as far as its key has them. */
export function hashedStem(key: string): string {
  return key.slice(0, key.indexOf(hash));
}

export function writeObject(node: GraphNode): string {
  return JSON.stringify({ soul: node.soul, fields: [...node.fields()].map(({ key, value, state }) => [key, value, state]) });
}

/** Fails with STORE_CORRUPT: whoever has the bucket's keys can write anything. `soul` undefined takes any. */
export function readObject(text: string, soul?: string): GraphNode {
  const { soul: own, fields } = parsed(text);
  if (typeof own !== 'string' || (soul !== undefined && own !== soul) || !Array.isArray(fields)) throw corrupt();
  const node = new GraphNode(own);
  for (const field of fields as readonly unknown[]) {
    if (!Array.isArray(field) || field.length !== 3) throw corrupt();
    const [key, value, state] = field as readonly unknown[];
    if (typeof key !== 'string' || typeof state !== 'number' || !Number.isFinite(state) || !isValue(value)) throw corrupt();
    node.set(key, value, state);
  }
  return node;
}

function parsed(text: string): { readonly soul?: unknown; readonly fields?: unknown } {
  try {
    return JSON.parse(text) ?? {};
  } catch (cause) {
    throw corrupt(cause);
  }
}

function corrupt(cause?: unknown): PangeaError {
  return new PangeaError('STORE_CORRUPT', 'an object of the bucket is no node of the graph', { cause });
}
