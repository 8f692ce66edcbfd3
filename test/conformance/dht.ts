/** What every DHT must do, in memory or over any mix of hosts. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { type Dht, type RecordRules, limits } from '../../src/dht/dht.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { systemClock } from '../../src/std/std.ts';
import { until } from './host.ts';

export interface DhtNode {
  readonly peer: PeerId;
  readonly dht: Dht;
  /** Gone at once, without a word to the others. */
  leave(): Promise<void>;
}

/** Nodes that know each other, the first being everybody's way in. */
export type MakeDhtNetwork = (count: number, rules: Readonly<Record<string, RecordRules>>) => Promise<DhtNode[]>;

/** `v1`, sequence u32, expiry (seconds since 1970) u32, text: what the rules below judge. */
export function testValue(sequence: number, text: string, expiresInMs = 3_600_000): Uint8Array {
  const head = Buffer.alloc(10);
  head.write('v1');
  head.writeUInt32BE(sequence, 2);
  head.writeUInt32BE(Math.floor((Date.now() + expiresInMs) / 1000), 6);
  return new Uint8Array(Buffer.concat([head, Buffer.from(text)]));
}

export const testRules: Readonly<Record<string, RecordRules>> = {
  note: {
    valid: (id, value, nowMs) => id.length > 0 && value.length >= 10 && value[0] === 0x76 && value[1] === 0x31 && view(value).getUint32(6) * 1000 > nowMs,
    compare: (a, b) => view(a).getUint32(2) - view(b).getUint32(2),
  },
};

const nodes = 8;
const timeout = 60_000;

export function describeDht(name: string, make: MakeDhtNetwork, skip: string | false = false): void {
  describe(`dht: ${name}`, { skip, timeout: 6 * timeout }, () => {
    let network: DhtNode[] = [];
    const node = (index: number): DhtNode => network[index] as DhtNode;

    before(async () => {
      network = await make(nodes, testRules);
      for (const { dht } of network) await dht.bootstrap();
      await until(() => network.every(({ dht }) => dht.knownPeers().length >= 4), 'every node knows four others', 30_000);
    });
    after(async () => {
      await Promise.all(network.map((member) => member.leave()));
    });

    test('bootstrap spreads addresses that can be dialled', { timeout }, () => {
      for (const { peer, dht } of network) {
        const known = dht.knownPeers();
        assert.ok(known.every((found) => found.peer !== peer));
        assert.ok(known.some(({ multiaddrs }) => multiaddrs.length > 0));
      }
    });

    test('what one provides every other finds, with addresses', { timeout }, async () => {
      const key = randomBytes(32);
      await node(1).dht.provide(key);
      for (const seeker of network.filter((_, index) => index !== 1)) {
        await until(async () => {
          const found = await seeker.dht.findProviders(key, { timeoutMs: 5_000 });
          return found.length === 1 && found[0]?.peer === node(1).peer && (found[0]?.multiaddrs.length ?? 0) > 0;
        }, `${seeker.peer} finds the provider`);
      }
    });

    test('nobody provides an unknown key', { timeout }, async () => {
      assert.deepEqual(await node(2).dht.findProviders(randomBytes(32)), []);
    });

    test('many providers of one key, and a limit', { timeout }, async () => {
      const key = randomBytes(32);
      await Promise.all(network.map(({ dht }) => dht.provide(key)));
      await until(async () => {
        const found = await node(3).dht.findProviders(key, { timeoutMs: 5_000 });
        return new Set(found.map(({ peer }) => peer)).size === nodes;
      }, 'all providers are found');
      assert.equal((await node(4).dht.findProviders(key, { limit: 3 })).length, 3);
    });

    test('many keys of one provider', { timeout }, async () => {
      const keys = Array.from({ length: 100 }, () => randomBytes(32));
      await Promise.all(keys.map((key) => node(0).dht.provide(key)));
      for (const key of keys.slice(0, 10)) {
        await until(async () => (await node(5).dht.findProviders(key, { limit: 1 })).length === 1, 'a key of many is found');
      }
    });

    test('a provider key of another length is refused', async () => {
      for (const length of [0, 31, 33]) await assert.rejects(node(0).dht.provide(randomBytes(length)), isPangeaError);
    });

    test('values: put, get everywhere, and undefined for what is not there', { timeout }, async () => {
      const value = testValue(1, 'hello');
      await node(0).dht.putValue('note', 'first', value);
      for (const { dht } of network) assert.deepEqual(bytes(await dht.getValue('note', 'first')), bytes(value));
      assert.equal(await node(1).dht.getValue('note', 'nothing-here'), undefined);
    });

    test('the newest valid value wins, whoever puts in whatever order', { timeout }, async () => {
      const [older, newer] = [testValue(5, 'older'), testValue(6, 'newer')];
      await node(1).dht.putValue('note', 'contest', newer);
      await node(2).dht.putValue('note', 'contest', older);
      for (const { dht } of network) assert.deepEqual(bytes(await dht.getValue('note', 'contest')), bytes(newer));
      const newest = testValue(7, 'newest');
      await node(3).dht.putValue('note', 'contest', newest);
      for (const { dht } of network) assert.deepEqual(bytes(await dht.getValue('note', 'contest')), bytes(newest));
    });

    test('invalid and unknown values are refused, on the way out already', { timeout }, async () => {
      await assert.rejects(node(1).dht.putValue('note', 'bad', new Uint8Array(20)), (error) => isPangeaError(error, 'PROTOCOL'));
      await assert.rejects(node(1).dht.putValue('note', 'stale', testValue(1, 'x', -5_000)), (error) => isPangeaError(error, 'PROTOCOL'));
      await assert.rejects(node(1).dht.putValue('unheard-of', 'x', testValue(1, 'x')), isPangeaError);
      assert.equal(await node(2).dht.getValue('note', 'bad'), undefined);
    });

    test('a value that has expired is no longer found', { timeout }, async () => {
      await node(1).dht.putValue('note', 'brief', testValue(1, 'brief', 3_000));
      assert.ok(await node(2).dht.getValue('note', 'brief'));
      await systemClock.sleep(3_500);
      for (const { dht } of network) assert.equal(await dht.getValue('note', 'brief'), undefined);
    });

    test('values at the limit pass, larger ones are TOO_LARGE', { timeout }, async () => {
      const largest = testValue(1, 'x'.repeat(limits.valueBytes - 10));
      assert.equal(largest.length, limits.valueBytes);
      await node(4).dht.putValue('note', 'large', largest);
      assert.deepEqual(bytes(await node(6).dht.getValue('note', 'large')), bytes(largest));
      const larger = new Uint8Array([...largest, 0]);
      await assert.rejects(node(4).dht.putValue('note', 'larger', larger), (error) => isPangeaError(error, 'TOO_LARGE'));
    });

    test('closest peers are the same from everywhere', { timeout }, async () => {
      const key = createHash('sha256').update('somewhere').digest();
      const [here, there] = await Promise.all([node(1).dht.closestPeers(key), node(2).dht.closestPeers(key)]);
      const others = (found: readonly { peer: PeerId }[]): string[] =>
        found.map(({ peer }) => peer).filter((peer) => peer !== node(1).peer && peer !== node(2).peer).toSorted();
      assert.deepEqual(others(here), others(there));
      assert.equal(others(here).length, nodes - 2);
    });

    test('what is no longer provided is forgotten by its provider', { timeout }, async () => {
      const key = randomBytes(32);
      await node(5).dht.provide(key);
      assert.deepEqual((await node(5).dht.findProviders(key)).map(({ peer }) => peer), [node(5).peer]);
      await node(5).dht.unprovide(key);
      assert.deepEqual(await node(5).dht.findProviders(key), []);
    });

    // Last: from here on the network is smaller.
    test('a node leaves without a word, and the rest still find and put', { timeout }, async () => {
      const key = randomBytes(32);
      await node(2).dht.provide(key);
      await node(2).dht.putValue('note', 'stays', testValue(1, 'stays'));
      await Promise.all([node(6).leave(), node(7).leave()]);
      await until(async () => (await node(1).dht.findProviders(key, { timeoutMs: 5_000 })).some(({ peer }) => peer === node(2).peer), 'found after the leave', 30_000);
      assert.ok(await node(4).dht.getValue('note', 'stays'));
      await node(3).dht.putValue('note', 'after', testValue(1, 'after'));
      assert.ok(await node(0).dht.getValue('note', 'after'));
      const gone = node(7).dht;
      await assert.rejects(gone.provide(key), (error) => isPangeaError(error, 'NODE_STOPPING'));
    });
  });
}

function bytes(value: Uint8Array | undefined): string | undefined {
  return value && Buffer.from(value).toString('hex');
}

function view(value: Uint8Array): DataView {
  return new DataView(value.buffer, value.byteOffset, value.byteLength);
}
