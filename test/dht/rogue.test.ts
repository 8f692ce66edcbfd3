/** A peer that checks nothing, among peers that do. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { type Dht, openDht, recordAcceptor } from '../../src/dht/dht.ts';
import { valueKey } from '../../src/dht/keys.ts';
import type { Host } from '../../src/host/host.ts';
import { systemClock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { testRules, testValue } from '../conformance/dht.ts';
import { until } from '../conformance/host.ts';
import { type MakeHost, makeJsHost, makeNativeHost, nativeMissing } from '../host/makers.ts';

function describeRogue(name: string, makeHonest: MakeHost, makeRogue: MakeHost, skip: string | false = false): void {
  describe(`dht: a rogue ${name}`, { skip, timeout: 120_000 }, () => {
    const hosts: Host[] = [];
    const dhts: Dht[] = [];
    let rogue: Host;

    before(async () => {
      for (let index = 0; index < 4; index++) {
        const host = await makeHonest({ acceptRecord: recordAcceptor(testRules, systemClock), bootstrap: hosts[0]?.multiaddrs() ?? [] });
        hosts.push(host);
        dhts.push(openDht({ host, clock: systemClock, logger: silentLogger, rules: testRules }));
      }
      rogue = await makeRogue({ acceptRecord: () => true, bootstrap: (hosts[0] as Host).multiaddrs() });
      const full = (host: Host): boolean => host.kad.routingTablePeers().length >= 3;
      await until(async () => {
        for (const host of [...hosts, rogue]) await host.kad.bootstrap();
        return [...hosts, rogue].every(full);
      }, 'the network is whole', 30_000);
    });
    after(async () => {
      for (const dht of dhts) await dht.close();
      await Promise.all([...hosts, rogue].map((host) => host.close()));
    });

    /** What the honest ones hold, as the rogue sees it: an honest reader would overlook what is invalid. */
    const heldBytes = async (key: Uint8Array): Promise<string[]> => {
      const found = await rogue.kad.getRecord(key, 5_000);
      return found.filter(({ peer }) => peer !== undefined && peer !== rogue.peerId).map(({ value }) => Buffer.from(value).toString('hex'));
    };

    test('cannot place what is invalid, too large, or of an unknown type', async () => {
      const values: readonly (readonly [Uint8Array, Uint8Array])[] = [
        [valueKey('note', 'bad'), new Uint8Array(50)],
        [valueKey('note', 'expired'), testValue(1, 'x', -5_000)],
        [valueKey('note', 'large'), testValue(1, 'x'.repeat(11_000))],
        [valueKey('unknown', 'x'), testValue(1, 'x')],
        [new TextEncoder().encode('/elsewhere/note/x'), testValue(1, 'x')],
      ];
      for (const [key, value] of values) {
        // Holders that answer "stored" and those that reset are both right; what counts is what they keep.
        await rogue.kad.putRecord(key, value).catch(() => undefined);
        await systemClock.sleep(100);
        assert.deepEqual(await heldBytes(key), [], Buffer.from(key).toString());
      }
    });

    test('cannot replace a newer value by an older one, nor make a reader take it', async () => {
      const [older, newer] = [testValue(1, 'older'), testValue(2, 'newer')];
      const key = valueKey('note', 'kept');
      await (dhts[1] as Dht).putValue('note', 'kept', newer);
      await rogue.kad.putRecord(key, older).catch(() => undefined);
      await systemClock.sleep(100);
      const held = await heldBytes(key);
      assert.ok(held.length > 0);
      assert.ok(held.every((value) => value === Buffer.from(newer).toString('hex')));
      for (const dht of dhts) assert.deepEqual(Buffer.from((await dht.getValue('note', 'kept')) ?? []), Buffer.from(newer));
    });
  });
}

describeRogue('js peer among js peers', makeJsHost, makeJsHost);
describeRogue('js peer among native peers', makeNativeHost, makeJsHost, nativeMissing);
describeRogue('native peer among js peers', makeJsHost, makeNativeHost, nativeMissing);
describeRogue('native peer among native peers', makeNativeHost, makeNativeHost, nativeMissing);
