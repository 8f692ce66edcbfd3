/** What must hold whatever happens. Looked at from outside: from the disks, not from what nodes say of themselves. */
import { blake3 } from '@napi-rs/blake-hash';
import type { Digest } from '../../src/ids/ids.ts';
import { bytesOfDigest } from '../../src/ids/ids.ts';
import { equalBytes } from '../../src/std/std.ts';
import { shardKeys, Violation, type Acknowledged, type Ledger } from './ledger.ts';
import type { SimNode } from './node.ts';
import type { World } from './world.ts';

const rows = 12;
const neededRows = 8;

/** Events that may wait at one time: timeouts of requests for the most part. Far above what 18 nodes need, far below a leak. */
const maxPendingEvents = 20_000;

/** For each stripe the rows of which a sound copy lies on a machine that is up. */
export function soundRows(world: World, root: Digest): ReadonlyMap<number, ReadonlySet<number>> {
  const found = new Map<number, Set<number>>();
  for (const node of world.live) {
    for (const key of shardKeys(node, root)) {
      const info = node.store.stat(key);
      const bytes = node.store.peek(key);
      if (info === undefined || bytes === undefined || !equalBytes(blake3(bytes), info.identity)) continue;
      const stripe = found.get(key.stripe) ?? new Set<number>();
      found.set(key.stripe, stripe.add(key.row));
    }
  }
  return found;
}

/** Rows of each stripe that ever were acknowledged; the last stripe of a short object has fewer than twelve. */
function filledRows(object: Acknowledged): ReadonlyMap<number, number> {
  const { segmentBytes, wholeBytes } = { segmentBytes: 64 * 1024, wholeBytes: 8 * 64 * 1024 };
  const { bytes } = object.content;
  if (bytes <= wholeBytes) return new Map([[0, rows]]);
  const stripes = Math.ceil(bytes / (segmentBytes * neededRows));
  const lastBytes = bytes - (stripes - 1) * segmentBytes * neededRows;
  return new Map(Array.from({ length: stripes }, (_, stripe) => [stripe, stripe < stripes - 1 ? rows : rows - neededRows + Math.min(neededRows, lastBytes)]));
}

/** True while eight rows of every stripe (those without bytes count) survive on machines that are up. */
export function isReadable(world: World, object: Acknowledged): boolean {
  const sound = soundRows(world, object.root);
  return [...filledRows(object)].every(([stripe, filled]) => (sound.get(stripe)?.size ?? 0) + rows - filled >= neededRows);
}

export function isWhole(world: World, object: Acknowledged): boolean {
  const sound = soundRows(world, object.root);
  return [...filledRows(object)].every(([stripe, filled]) => sound.get(stripe)?.size === filled);
}

/** (a) What was on disk when the put was acknowledged is still there on every machine that was not lost, until the owner deletes. */
export function checkNothingDropped(ledger: Ledger): void {
  for (const object of ledger.acknowledged) {
    if (object.state !== 'stored') continue;
    for (const { node, key } of object.durable) {
      if (node.state === 'destroyed' || node.store.stat(key) !== undefined) continue;
      throw new Violation(`${object.name}: row ${key.row} of stripe ${key.stripe} was on the disk of ${node.name} and is no longer`);
    }
  }
}

/** (a) and (b) at the end: every object with eight rows left is read, byte for byte, on some node. */
export async function checkReadable(world: World, ledger: Ledger, readable: readonly Acknowledged[]): Promise<void> {
  for (const [index, object] of readable.entries()) {
    const node = world.live[index % world.live.length] as SimNode;
    if (await world.clock.until(ledger.get(node, object))) continue;
    throw new Violation(`${object.name}: eight rows of every stripe are there, but ${node.name} cannot read it`);
  }
}

/** Deleted objects that a node still serves; none may be left when repair has converged. */
export async function undeleted(world: World, ledger: Ledger): Promise<readonly string[]> {
  const found: string[] = [];
  for (const object of ledger.acknowledged.filter(({ state }) => state === 'deleted')) {
    for (const node of world.live) {
      const request = { type: 'have', root: bytesOfDigest(object.root), firstStripe: 0, stripes: 0 } as const;
      const reply = await node.ask(request);
      if (reply?.status === 0 && reply.answer.known) found.push(`${object.name} on ${node.name}`);
    }
  }
  return found;
}

/** (d) Counters of memory are bounded while things happen; `quiet`: nothing is under way, so the windows are empty. */
export function checkMemory(world: World, quiet: boolean): void {
  if (world.clock.pending > maxPendingEvents) throw new Violation(`${world.clock.pending} events wait`);
  const { segmentBytes, putWindowStripes, getWindowStripes, repairWindowBytes } = world.settings;
  const stripeBytes = rows * (segmentBytes + 64 * 1024);
  const limits: Readonly<Record<string, number>> = {
    pangea_objects_repair_window_bytes: Math.max(repairWindowBytes, 2 * stripeBytes),
    // Of up to eight puts or gets at one time on one node, which the simulation never exceeds.
    pangea_objects_put_window_bytes: 8 * (putWindowStripes + 2) * 2 * stripeBytes,
    pangea_objects_get_window_bytes: 8 * (getWindowStripes + 2) * 2 * stripeBytes,
  };
  for (const node of world.live) {
    const gauges = node.metrics.read();
    for (const [name, limit] of Object.entries(limits)) {
      const value = gauges.get(name);
      if (value === undefined) throw new Violation(`${node.name} has no gauge ${name}`);
      if (value > (quiet ? 0 : limit)) throw new Violation(`${node.name}: ${name} is ${value}${quiet ? ' with nothing under way' : ''}`);
    }
  }
}
