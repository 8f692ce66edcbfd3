import { toWire } from './wire.ts';
import type { Delta, WireGraph } from './types.ts';

/** GUN's `String.hash`: h = 31 h + unit, as a signed 32-bit number. For `##`, never for security. */
export function textHash(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}

/** The `##` of an answer: the hash of its `put` as JSON with sorted keys. */
export function graphHash(graph: readonly Delta[] | WireGraph): number {
  return textHash(sortedJson(Array.isArray(graph) ? toWire(graph) : graph));
}

/** Keys in the order of UTF-16 units, except that whole numbers come first and by size: no JavaScript object keeps them elsewhere. */
export function sortedJson(graph: unknown): string {
  return JSON.stringify(graph, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const sorted: Record<string, unknown> = Object.create(null);
    for (const key of Object.keys(value).sort()) sorted[key] = (value as Record<string, unknown>)[key];
    return sorted;
  });
}
