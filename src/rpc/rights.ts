/** What a session may do. Pure: narrowing is an intersection, so that a capability handed on never gives more than its giver had. */
import type { NodeEvent } from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';

export type Right = 'read' | 'write' | 'remove' | 'observe' | 'control';
export const rightNames: readonly Right[] = ['read', 'write', 'remove', 'observe', 'control'];

export interface Rights {
  readonly granted: ReadonlySet<Right>;
  /** Roots that `read` and `remove` reach, and events may name; `undefined` for all. Who reaches none has neither right. */
  readonly onlyObjects: ReadonlySet<string> | undefined;
  /** Wall clock, milliseconds since 1970; `undefined` for no end. */
  readonly expiresMs: number | undefined;
}

export const allRights: Rights = { granted: new Set(rightNames), onlyObjects: undefined, expiresMs: undefined };

/** What both give. */
export function intersect(one: Rights, other: Rights): Rights {
  const onlyObjects = both(one.onlyObjects, other.onlyObjects);
  const granted = new Set([...one.granted].filter((right) => other.granted.has(right)));
  if (onlyObjects?.size === 0) {
    granted.delete('read');
    granted.delete('remove');
  }
  const expiresMs = Math.min(one.expiresMs ?? Infinity, other.expiresMs ?? Infinity);
  return {
    granted,
    onlyObjects,
    expiresMs: expiresMs === Infinity ? undefined : expiresMs,
  };
}

/** Throws `DENIED`. */
export function demand(rights: Rights, right: Right, nowMs: number): void {
  if (rights.expiresMs !== undefined && nowMs >= rights.expiresMs) throw new PangeaError('DENIED', 'this session has expired');
  if (!rights.granted.has(right)) throw new PangeaError('DENIED', `this session has no right to ${right}`);
}

/** Throws `DENIED` for an object that the session does not reach. */
export function demandObject(rights: Rights, root: string): void {
  if (rights.onlyObjects !== undefined && !rights.onlyObjects.has(root)) throw new PangeaError('DENIED', 'this session does not reach that object');
}

function both(one: ReadonlySet<string> | undefined, other: ReadonlySet<string> | undefined): ReadonlySet<string> | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return new Set([...one].filter((root) => other.has(root)));
}

/** Whether an event may be told: who reaches only some objects hears of no others. */
export function tells({ onlyObjects }: Rights, event: NodeEvent): boolean {
  if (onlyObjects === undefined || (event.kind !== 'object' && event.kind !== 'repair')) return true;
  return event.root === '' || onlyObjects.has(event.root);
}
