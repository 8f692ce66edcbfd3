import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyFrom } from '../../src/body/body.ts';
import { MemoryStore, recordKind, type Durability, type StoreRecord } from '../../src/store/store.ts';
import { VirtualClock } from './clock.ts';
import { simulate } from './simulate.ts';

const chaosMs = 6 * 60_000;

test('one seed gives one course of events, to the last message', async () => {
  const [first, again, other] = [await simulate({ seed: 7, chaosMs }), await simulate({ seed: 7, chaosMs }), await simulate({ seed: 8, chaosMs })];
  assert.equal(first.hash, again.hash);
  assert.equal(first.events, again.events);
  assert.notEqual(first.hash, other.hash);
});

/** A disk that says `fsync` and keeps the bytes in memory. */
class LyingStore extends MemoryStore {
  override put(records: readonly StoreRecord[], _durability: Durability): Promise<void> {
    return super.put(records, 'memory');
  }

  override async sync(): Promise<void> {
    await Promise.resolve();
  }
}

test('the invariants notice a store that does not sync', async () => {
  const { violation } = await simulate({ seed: 3, chaosMs, makeStore: (clock) => new LyingStore({ clock, syncMs: 2 }) });
  assert.match(violation?.message ?? '', /acknowledged with/);
});

/** A disk that gives wrong bytes without noticing it itself. */
class UnverifyingStore extends MemoryStore {
  override async get(...[key, range]: Parameters<MemoryStore['get']>): ReturnType<MemoryStore['get']> {
    const body = await super.get(key, range);
    if (body === undefined || key.kind !== recordKind.shard) return body;
    const wrong = body.bytes().slice();
    wrong[0] = (wrong[0] as number) ^ 1;
    return bodyFrom(wrong);
  }
}

test('where every disk returns wrong bytes, every get fails by name and none returns them', async () => {
  const { violation, counts } = await simulate({ seed: 5, chaosMs, makeStore: (clock) => new UnverifyingStore({ clock, syncMs: 2 }) });
  assert.ok(counts.getErrors > 0);
  assert.equal(counts.gets, counts.getErrors);
  assert.match(violation?.message ?? '', /did not converge|cannot read it/);
});

test('virtual time passes in order of events, and only when it is run', async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  clock.after(20, () => seen.push('b'));
  clock.after(10, () => seen.push('a'));
  clock.after(20, () => seen.push('c'));
  clock.after(15, () => seen.push('never')).cancel();
  const abort = new AbortController();
  const sleeping = clock.sleep(1_000, abort.signal);
  await clock.run(20);
  assert.deepEqual(seen, ['a', 'b', 'c']);
  assert.equal(clock.monotonicMs(), 20);
  abort.abort(new Error('woken'));
  await assert.rejects(sleeping, /woken/);
  assert.equal(await clock.until(clock.sleep(5).then(() => clock.monotonicMs())), 25);
  await assert.rejects(clock.until(new Promise(() => undefined), 100), /nothing settled/);
});
