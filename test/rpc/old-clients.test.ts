/** What clients of the existing network send that can be read in more than one way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withConfigValue } from '../../src/rpc/config-value.ts';
import { placed } from '../../src/rpc/servants/node-blocks.ts';
import { delayMs } from '../../src/rpc/servants/login-delays.ts';

const shard = (index: number, value: number) => ({ index, data: Uint8Array.of(value) });
const twelve = Array.from({ length: 12 }, (_, index) => shard(index, index + 1));
const values = (rows: readonly (Uint8Array | undefined)[]) => rows.map((row) => row?.[0]);

test('twelve shards with flags', () => {
  const flags = twelve.map((_, index) => index >= 4);
  assert.deepEqual(values(placed(twelve, flags)), [undefined, undefined, undefined, undefined, 5, 6, 7, 8, 9, 10, 11, 12]);
});

test('eight shards by their numbers, with or without flags, in any order', () => {
  const eight = twelve.slice(4).reverse();
  const expected = [undefined, undefined, undefined, undefined, 5, 6, 7, 8, 9, 10, 11, 12];
  assert.deepEqual(values(placed(eight, [])), expected);
  assert.deepEqual(values(placed(eight, twelve.map((_, index) => index >= 4))), expected);
  assert.deepEqual(values(placed(eight, eight.map(() => true))), expected);
});

test('shards without numbers mean their order, empty ones are absent', () => {
  const unnumbered = twelve.map(({ data }, index) => ({ index: 0, data: index === 3 ? new Uint8Array(0) : data }));
  assert.deepEqual(values(placed(unnumbered, [])), [1, 2, 3, undefined, 5, 6, 7, 8, 9, 10, 11, 12]);
});

test('a shard beyond the twelfth is refused', () => {
  assert.throws(() => placed([shard(12, 1)], []), { code: 'USAGE' });
});

test('a setting is one of the known fields, or else a custom one', () => {
  const config = {
    nodeId: 1, capnpAddr: '', libp2pPort: 9091, useLibp2p: true, localMode: false, bootstrapPeers: [], lastSavedAt: '', customSettings: {},
  };
  assert.equal(withConfigValue(config, 'libp2pPort', '4001').libp2pPort, 4001);
  assert.equal(withConfigValue(config, 'useLibp2p', 'False').useLibp2p, false);
  assert.deepEqual(withConfigValue(config, 'bootstrapPeers', '/a, /b,').bootstrapPeers, ['/a', '/b']);
  assert.deepEqual(withConfigValue(config, 'theme', 'dark').customSettings, { theme: 'dark' });
  assert.deepEqual(Object.keys(withConfigValue(config, '__proto__', 'x').customSettings), ['__proto__']);
  for (const [key, value] of [['nodeId', '-1'], ['libp2pPort', '70000'], ['localMode', 'perhaps'], ['lastSavedAt', 'now']] as const) {
    assert.throws(() => withConfigValue(config, key, value), { code: 'USAGE' }, key);
  }
});

test('wrong tokens wait longer and longer, up to a bound', () => {
  assert.deepEqual([1, 2, 3, 7, 8, 100].map(delayMs), [250, 500, 1000, 16_000, 30_000, 30_000]);
});
