import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BoundedDatastore, type Verdict } from '../../src/host/js/datastore.ts';
import { keepLimits } from '../../src/host/limits.ts';
import { systemClock } from '../../src/std/std.ts';

type Key = Parameters<BoundedDatastore['get']>[0];

function key(path: string): Key {
  return { toString: () => path } as unknown as Key;
}

function store(judge: (record: Uint8Array, held: Uint8Array | undefined) => Verdict = () => 'newer', subnet?: string): BoundedDatastore {
  return new BoundedDatastore({ clock: systemClock, self: 'me', judge, subnetOf: () => subnet, notFound: (path) => new Error(`none at ${path}`) });
}

const byte = new Uint8Array([1]);

test('what is put is found, by key and by prefix', () => {
  const data = store();
  data.put(key('/peers/a'), byte);
  data.put(key('/dht/provider/x/p1'), byte);
  data.put(key('/dht/provider/x/p2'), byte);
  data.put(key('/dht/provider/y/p1'), byte);
  const names = (prefix: string): string[] => [...data.query({ prefix })].map((pair) => pair.key.toString()).toSorted();
  assert.deepEqual(names('/dht/provider/x'), ['/dht/provider/x/p1', '/dht/provider/x/p2']);
  assert.deepEqual(names('/dht/provider'), ['/dht/provider/x/p1', '/dht/provider/x/p2', '/dht/provider/y/p1']);
  assert.deepEqual(names('/dht/provider/none'), []);
  assert.throws(() => data.get(key('/peers/b')), /none at/);
  data.delete(key('/peers/a'));
  assert.equal(data.has(key('/peers/a')), false);
});

test('providers of one key are capped, and of one network more tightly; own ones and renewals always pass', () => {
  const open = store();
  for (let index = 0; index < keepLimits.providersPerKey; index++) open.put(key(`/dht/provider/x/p${index}`), byte);
  assert.throws(() => open.put(key('/dht/provider/x/one-more'), byte));
  open.put(key('/dht/provider/x/p0'), byte);
  open.put(key('/dht/provider/x/me'), byte);
  const near = store(undefined, '10.0.0');
  for (let index = 0; index < keepLimits.providersPerSubnet; index++) near.put(key(`/dht/provider/x/p${index}`), byte);
  assert.throws(() => near.put(key('/dht/provider/x/one-more'), byte));
});

test('provider keys are capped in all, and deleting makes room', () => {
  const data = store();
  for (let index = 0; index < keepLimits.providerKeys; index++) data.put(key(`/dht/provider/k${index}/p`), byte);
  assert.throws(() => data.put(key('/dht/provider/new/p'), byte));
  data.put(key('/dht/provider/new/me'), byte);
  data.delete(key('/dht/provider/new/me'));
  data.delete(key('/dht/provider/k0/p'));
  data.put(key('/dht/provider/new/p'), byte);
});

test('records: invalid ones throw, older ones leave the newer one in place, bytes are capped', () => {
  const data = store((record, held) => (record[0] === 0 ? 'invalid' : held && (held[0] as number) > (record[0] as number) ? 'older' : 'newer'));
  const at = key('/dht/record/r');
  assert.throws(() => data.put(at, new Uint8Array([0])));
  data.put(at, new Uint8Array([2]));
  data.put(at, new Uint8Array([1]));
  assert.deepEqual([...data.get(at)], [2]);
  data.put(at, new Uint8Array([3]));
  assert.deepEqual([...data.get(at)], [3]);
  const large = new Uint8Array(1024 * 1024).fill(1);
  assert.throws(() => {
    for (let index = 0; index <= keepLimits.recordBytesTotal / large.length; index++) data.put(key(`/dht/record/${index}`), large);
  }, /no more records/);
});

test('the address book part forgets the oldest entry', () => {
  const data = store();
  for (let index = 0; index <= keepLimits.peerEntries; index++) data.put(key(`/peers/${index}`), byte);
  assert.equal(data.has(key('/peers/0')), false);
  assert.equal(data.has(key('/peers/1')), true);
});
