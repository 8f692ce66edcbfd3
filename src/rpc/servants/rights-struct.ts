/** Rights as the schema has them. */
import { PangeaError } from '../../errors/errors.ts';
import { rightNames, type Right, type Rights } from '../rights.ts';
import type { Rights as RightsStruct } from '../schema/pangea.ts';
import { boundedList } from './read.ts';
import { fillTexts, whole } from './write.ts';

export function readRights(from: RightsStruct): Rights {
  const roots = boundedList('the objects', from._hasOnlyObjects(), () => from.onlyObjects, rootOf);
  return {
    granted: new Set(rightNames.filter((right: Right) => from[right])),
    onlyObjects: roots.length === 0 ? undefined : new Set(roots),
    expiresMs: from.expiresMs === 0n ? undefined : Number(from.expiresMs),
  };
}

export function writeRights(to: RightsStruct, { granted, onlyObjects, expiresMs }: Rights): void {
  for (const right of rightNames) to[right] = granted.has(right);
  if (onlyObjects !== undefined) fillTexts(to._initOnlyObjects(onlyObjects.size), [...onlyObjects]);
  to.expiresMs = expiresMs === undefined ? 0n : whole(Math.max(1, expiresMs));
}

function rootOf(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new PangeaError('USAGE', 'an object to reach is named by its root, 64 hex digits');
  return text;
}
