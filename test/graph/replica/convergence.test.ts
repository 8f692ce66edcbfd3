import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Delta, Field, Value } from '../../../src/graph/data/types.ts';
import { createReplica } from '../../../src/graph/replica/create.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { seededRandom } from '../../../src/std/std.ts';
import { VirtualClock } from '../../sim/clock.ts';
import { assertHolds, modelOf } from './model.ts';
import { SlowStore } from './slow-store.ts';

const seed = 41;
/** Few names, states and values, so that they meet; some states are ahead of the clock. */
const value: fc.Arbitrary<Value> = fc.constantFrom<Value[]>('a', 'a!', 'b', '', 1, 9, 10, -1, true, false, null, { '#': 'n1' }, { '#': 'n2' });
const state = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(1_700_000_000_005, 1_700_000_000_040.5));
const field: fc.Arbitrary<Field> = fc.record({ key: fc.constantFrom('x', 'y', 'constructor'), value, state });
const delta: fc.Arbitrary<Delta> = fc.record({
  soul: fc.constantFrom('n1', 'n2', 'n3', 'n4'),
  fields: fc.uniqueArray(field, { selector: ({ key }) => key, minLength: 1 }),
});
const history = fc.record({ writes: fc.array(delta, { minLength: 1, maxLength: 25 }), order: fc.integer() });

test('any order, repetition and splitting of writes ends in the same graph, in memory and over a slow store', async () => {
  await fc.assert(fc.asyncProperty(history, async ({ writes, order }) => {
    const model = modelOf(writes);
    const roots = new Set<string>();
    const random = seededRandom(order);
    for (const kind of ['memory', 'slow', 'slow'] as const) {
      const clock = new VirtualClock();
      const store = kind === 'memory' ? new MemoryStore() : new SlowStore(clock, random);
      // So little memory that nodes are let go all the time.
      const replica = createReplica({ store, clock, limits: { bytesInMemory: 1_000, fieldsPerWrite: 5, soulsPerRead: 2 } });
      for (const message of messagesOf(writes, random)) {
        replica.merge(message, 'peer');
        if (random.integer(3) === 0) await clock.run(random.integer(8));
      }
      await clock.run(100);
      await clock.until(replica.flush());
      await clock.until(assertHolds(replica, model));
      assert.equal(replica.stats().deferred, 0);
      roots.add(digestOf(replica.digest()));
      await clock.until(replica.close());

      // Everything is in the store, and a replica that begins there counts the same.
      const again = createReplica({ store: kind === 'memory' ? store : new SlowStore(clock, random, 10, (store as SlowStore).inner), clock });
      await clock.run(1_000);
      await clock.until(assertHolds(again, model));
      roots.add(digestOf(again.digest()));
      await clock.until(again.close());
    }
    assert.equal(roots.size, 1);
  }), { seed, numRuns: 60 });
});

test('the digest is right when writes come while it is built', async () => {
  await fc.assert(fc.asyncProperty(history, fc.array(delta, { maxLength: 15 }), async ({ writes, order }, more) => {
    const random = seededRandom(order);
    const clock = new VirtualClock();
    const inner = new MemoryStore();
    await inner.write([...modelOf(writes)].map(([soul, fields]) => ({ soul, fields: [...fields].map(([key, rest]) => ({ key, ...rest })) })));
    const replica = createReplica({ store: new SlowStore(clock, random, 10, inner), clock, limits: { bytesInMemory: 1_000 } });
    for (const write of more) {
      replica.merge([write], 'peer');
      await clock.run(random.integer(12));
    }
    await clock.run(1_000);
    const fresh = createReplica({ store: new MemoryStore(), clock });
    fresh.merge([...writes, ...more], 'peer');
    await clock.run(1_000);
    assert.equal(digestOf(replica.digest()), digestOf(fresh.digest()));
    await clock.until(replica.close());
  }), { seed, numRuns: 60 });
});

test('the digest is built in the end although the store could not be read for a while', async () => {
  const inner = new MemoryStore();
  await inner.write(Array.from({ length: 700 }, (_, at) => ({ soul: `n${at}`, fields: [{ key: 'x', value: at, state: 1 }] })));
  const clock = new VirtualClock();
  const store = new SlowStore(clock, seededRandom(2), 10, inner);
  const replica = createReplica({ store, clock });
  while (store.reads.length < 2) await clock.run(1);
  store.failReads = true;
  await clock.run(20_000);
  assert.equal(replica.digest(), undefined);
  await clock.until(replica.merge([{ soul: 'new', fields: [{ key: 'x', value: 1, state: 1 }] }], 'local').applied.catch(() => undefined));
  store.failReads = false;
  await clock.run(70_000);
  const fresh = createReplica({ store: new SlowStore(clock, seededRandom(2), 0, inner), clock });
  await clock.run(10_000);
  assert.equal(digestOf(replica.digest()), digestOf(fresh.digest()));
  store.failReads = true;
  const never = createReplica({ store, clock });
  await clock.run(100);
  await clock.until(never.close());
  await clock.until(Promise.all([replica.close(), fresh.close()]));
});

test('the digest tells fields apart by each of their parts', async () => {
  const clock = new VirtualClock();
  const one: Field = { key: 'k', value: 'v', state: 1 };
  const graphs: Delta[][] = [
    [{ soul: 's', fields: [one] }],
    [{ soul: 't', fields: [one] }],
    [{ soul: 's', fields: [{ ...one, key: 'l' }] }],
    [{ soul: 's', fields: [{ ...one, state: 1 + 2 ** -10 }] }],
    ...['w', '', 'vv', 1, 0, 2 ** 40, 2 ** 40 + 1, 0.1, true, false, null, { '#': 'v' }].map((other) => [{ soul: 's', fields: [{ ...one, value: other }] }]),
    [{ soul: 'sk', fields: [{ ...one, key: '' }] }],
    [{ soul: 's', fields: [one, { ...one, key: 'l' }] }],
    [{ soul: 's', fields: [one] }, { soul: 't', fields: [one] }],
  ];
  const roots = graphs.map((graph) => {
    const replica = createReplica({ store: new MemoryStore(), clock });
    replica.merge(graph, 'peer');
    return replica.digest()?.root;
  });
  assert.equal(new Set(roots).size, graphs.length);
  for (const root of roots) assert.match(root ?? '', /^[0-9a-f]{16}$/);
});

test('fields spread evenly over the buckets of the digest', async () => {
  const replica = createReplica({ store: new MemoryStore(), clock: new VirtualClock() });
  const souls = 65_536;
  for (let at = 0; at < souls; at++) replica.merge([{ soul: `node/${at}`, fields: [{ key: 'v', value: at, state: 1 }] }], 'peer');
  const { buckets, root } = replica.digest() ?? assert.fail();
  let empty = 0;
  let low = 0;
  for (let at = 0; at < buckets.length; at += 2) {
    if (buckets[at] === 0 && buckets[at + 1] === 0) empty++;
    low = (low + (buckets[at] as number)) >>> 0;
  }
  // With as many souls as buckets, one in e stays empty.
  assert.ok(Math.abs(empty / souls - 1 / Math.E) < 0.01, `${empty} empty`);
  assert.equal(root.slice(8), low.toString(16).padStart(8, '0'), 'the root is the sum of the buckets');
});

/** Every write at least once, some twice, in any order, deltas split by field and joined to messages. */
function messagesOf(writes: readonly Delta[], random: ReturnType<typeof seededRandom>): Delta[][] {
  const parts: Delta[] = [];
  for (const { soul, fields } of writes) {
    for (let copies = 1 + random.integer(2); copies > 0; copies--) {
      if (random.integer(2) === 0) parts.push({ soul, fields });
      else parts.push(...fields.map((one) => ({ soul, fields: [one] })));
    }
  }
  for (let at = parts.length - 1; at > 0; at--) {
    const other = random.integer(at + 1);
    [parts[at], parts[other]] = [parts[other] as Delta, parts[at] as Delta];
  }
  const messages: Delta[][] = [];
  while (parts.length > 0) messages.push(parts.splice(0, 1 + random.integer(3)));
  return messages;
}

function digestOf(digest: { readonly root: string; readonly buckets: Uint32Array } | undefined): string {
  assert.ok(digest, 'the digest is built');
  return `${digest.root} ${[...digest.buckets.entries()].filter(([, word]) => word !== 0).join(';')}`;
}
