import { readFileSync } from 'node:fs';
import { fromHex } from '../../src/std/std.ts';

/** The fenced blocks ```` ```vector name ```` of a page under `schema/`. */
export function vectorsOf(page: string): ReadonlyMap<string, string> {
  const text = readFileSync(new URL(`../../schema/${page}`, import.meta.url), 'utf8');
  return new Map([...text.matchAll(/^```vector (\w+)\n([\s\S]*?)\n```$/gm)].map((match) => [match[1] as string, (match[2] as string).replaceAll('\n', '')]));
}

export function hexVector(page: string, name: string): Uint8Array {
  return fromHex(vectorsOf(page).get(name) ?? 'absent');
}
