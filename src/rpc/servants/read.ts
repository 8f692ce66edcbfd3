/** Reading what a client sent: bounded, and without capnp-es allocating in the client's message where a pointer is null. */
import type { Data, List, Struct } from 'capnp-es';
import { PangeaError } from '../../errors/errors.ts';
import { capabilityAt } from '../engine/capabilities.ts';
import type { RemoteCapability } from '../engine/engine.ts';
import { limits } from '../limits.ts';

export function boundedText(what: string, value: string): string {
  if (value.length > limits.textBytes) throw new PangeaError('TOO_LARGE', `${what} is longer than ${limits.textBytes} characters`);
  return value;
}

/** Throws `USAGE` for an empty one. */
export function neededText(what: string, value: string): string {
  if (value === '') throw new PangeaError('USAGE', `${what} is empty`);
  return boundedText(what, value);
}

export function boundedList<T, U>(what: string, isThere: boolean, list: () => List<T>, take: (item: T) => U, most: number = limits.listEntries): U[] {
  if (!isThere) return [];
  const found = list();
  const { length } = found;
  if (length > most) throw new PangeaError('TOO_MANY', `${what} has ${length} entries, the limit is ${most}`);
  return Array.from({ length }, (_, index) => take(found.get(index)));
}

/** The bytes where they lie: to be copied before the call is answered. */
export function boundedView(what: string, isThere: boolean, data: () => Data, most: number): Uint8Array {
  if (!isThere) return new Uint8Array(0);
  const found = data();
  if (found.length > most) throw new PangeaError('TOO_LARGE', `${what} has ${found.length} bytes, the limit is ${most}`);
  return found.toUint8Array();
}

/** A count from outside as a number that is exact. */
export function wholeNumber(what: string, value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new PangeaError('USAGE', `${what} is out of range`);
  return Number(value);
}

/** A capability of the client's: one of ours would make the node stream to itself. */
export function remoteAt(params: Struct, index: number, what: string): RemoteCapability {
  const found = capabilityAt(params, index);
  if (found === undefined) throw new PangeaError('USAGE', `${what} is missing`);
  if (!('call' in found)) throw new PangeaError('USAGE', `${what} is an object of this node`);
  return found;
}
