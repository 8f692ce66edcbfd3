import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Dht } from '../../src/dht/dht.ts';
import { createFirewall } from '../../src/firewall/firewall.ts';
import type { Host } from '../../src/host/host.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { Discovery } from '../../src/node/discovery.ts';
import type { PeerRegistry } from '../../src/peers/peers.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { ManualClock } from '../peers/manual-clock.ts';

test('a flood of peers that do not exist leaves nothing behind, and waits in a bounded queue', async () => {
  const clock = new ManualClock();
  const addressed = new Map<PeerId, readonly string[]>();
  const pings: PromiseWithResolvers<never>[] = [];
  const transport = {
    setAddresses: (peer: PeerId, addresses: readonly string[]) => void (addresses.length > 0 ? addressed.set(peer, addresses) : addressed.delete(peer)),
    request: () => {
      const ping = Promise.withResolvers<never>();
      pings.push(ping);
      return ping.promise;
    },
  } as unknown as Transport;
  const host = { peerId: 'self', on: () => undefined, addAddresses: () => undefined, connectedPeers: () => [] } as unknown as Host;
  const peers = { list: () => [], get: () => undefined, discovered: () => undefined } as unknown as PeerRegistry;
  const dht = { knownPeers: () => [] } as unknown as Dht;
  const discovery = new Discovery({ host, dht, transport, peers, firewall: createFirewall(), clock, logger: silentLogger, lookUp: async () => [] });
  discovery.start();
  for (let i = 0; i < 20_000; i++) discovery.hear(`rumour-${i}` as PeerId, ['/ip4/192.0.2.1/tcp/1']);
  await turn();
  await clock.advance(250);
  assert.deepEqual([pings.length, addressed.size], [8, 8]);
  for (let i = 0; i < pings.length; i++) {
    pings[i]?.reject(new Error('nobody there'));
    await turn();
  }
  assert.ok(pings.length <= 256, `${pings.length} meetings came out of the queue`);
  assert.equal(addressed.size, 0);
  discovery.stop();
});
