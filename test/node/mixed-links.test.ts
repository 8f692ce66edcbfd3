import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFirewall } from '../../src/firewall/firewall.ts';
import type { Host } from '../../src/host/host.ts';
import { identityOfSeed } from '../../src/identity/identity.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { Events } from '../../src/node/events.ts';
import { Labels, labelLimits } from '../../src/node/mixed-labels.ts';
import { Links } from '../../src/node/mixed-links.ts';
import { openPeerRegistry } from '../../src/peers/peers.ts';
import { discardMetrics, silentLogger } from '../../src/telemetry/telemetry.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { ManualClock } from '../peers/manual-clock.ts';

const peerId = (seed: number): PeerId => identityOfSeed(new Uint8Array(32).fill(seed)).peerId;
const self = peerId(1);

async function scene(says: ReadonlyMap<PeerId, number>, claims: readonly { readonly peer: PeerId; readonly multiaddrs: readonly string[] }[]) {
  const clock = new ManualClock();
  const peers = await openPeerRegistry({ clock, logger: silentLogger, metrics: discardMetrics, localPeer: self });
  const greeted = (peer: PeerId, label: number): void => peers.greeted(peer, {
    label, version: '1', quicAddresses: [], multiaddrs: [], storing: true, freeBytes: 1, failureDomain: '',
  });
  const asked: PeerId[] = [];
  const transport = {
    setAddresses: () => undefined, connectedPeers: () => [],
    request: async (peer: PeerId) => {
      asked.push(peer);
      const label = says.get(peer);
      if (label === undefined) throw new Error('silent');
      greeted(peer, label);
      return { status: 0, answer: {}, body: { release: () => undefined } };
    },
  } as unknown as Transport;
  const events = new Events({ clock, logger: silentLogger, metrics: discardMetrics });
  const labels = new Labels({ own: 1, localPeer: self, peers, events, clock });
  const links = new Links({
    host: { peerId: self, on: () => undefined } as unknown as Host, transport, hasQuic: false, peers, firewall: createFirewall(), isPrivate: false, labels,
    view: () => assert.fail('nothing is shown here'), claimants: async () => claims, clock,
  });
  return { clock, labels, links, asked, greeted };
}

test('a label that only the DHT knows counts when the peer itself says it', async () => {
  const [honest, liar, silent, local] = [2, 3, 4, 5].map(peerId) as [PeerId, PeerId, PeerId, PeerId];
  const address = ['/ip4/8.8.8.8/tcp/9091'];
  const claims = [{ peer: liar, multiaddrs: address }, { peer: silent, multiaddrs: address }, { peer: local, multiaddrs: ['/ip4/192.168.1.1/tcp/1'] }, { peer: honest, multiaddrs: address }];
  const { links, asked } = await scene(new Map([[honest, 7], [liar, 8]]), claims);
  assert.equal(await links.find(7), honest);
  assert.deepEqual(asked, [liar, silent, honest], 'an address inside the own network is not dialled');
  assert.equal(await links.find(7), honest);
  assert.equal(asked.length, 3, 'once known, nobody is asked again');
  const lied = await scene(new Map([[liar, 8]]), [{ peer: liar, multiaddrs: address }]);
  await assert.rejects(lied.links.find(7), { code: 'NOT_FOUND' });
  await assert.rejects((await scene(new Map(), [])).links.find(7), { code: 'NOT_FOUND' });
  assert.equal(await lied.links.find(1), self);
});

test('what a peer says of itself comes before the label under which somebody met it', async () => {
  const { labels, greeted } = await scene(new Map(), []);
  labels.give(9, peerId(2));
  assert.deepEqual([labels.peerOf(9), labels.labelOf(peerId(2)), labels.nodes().map(({ label }) => label)], [peerId(2), 9, [1, 9]]);
  greeted(peerId(3), 9);
  assert.equal(labels.peerOf(9), peerId(3));
  greeted(peerId(2), 10);
  assert.equal(labels.labelOf(peerId(2)), 10);
});

test('of two peers with one label the one heard from last; both are listed', async () => {
  const { clock, labels, greeted } = await scene(new Map(), []);
  greeted(peerId(2), 5);
  clock.wallMs += 1000;
  greeted(peerId(3), 5);
  assert.equal(labels.peerOf(5), peerId(3));
  clock.wallMs += 1000;
  greeted(peerId(2), 5);
  assert.equal(labels.peerOf(5), peerId(2));
  assert.deepEqual(labels.nodes().map(({ label }) => label), [1, 5, 5]);
});

test('a claim gives way to measurements after a minute, and claims and given labels are bounded', async () => {
  const { clock, labels, greeted } = await scene(new Map(), []);
  greeted(peerId(2), 5);
  labels.claim(5, { latencyMs: 900, threatScore: 0.6 });
  assert.deepEqual(labels.node(5), { label: 5, status: 1, latencyMs: 900, threatScore: 0.6 });
  await clock.advance(labelLimits.claimMs + 1);
  // No ping was measured, a threat score always is.
  assert.deepEqual(labels.node(5), { label: 5, status: 0, latencyMs: 900, threatScore: 0 });
  for (let label = 100; label < 100 + labelLimits.given + 5; label++) labels.give(label, peerId(7));
  assert.throws(() => labels.peerOf(104), { code: 'NOT_FOUND' });
  assert.equal(labels.peerOf(105), peerId(7));
});

test('waits for a change are bounded', async () => {
  const { labels } = await scene(new Map(), []);
  const stop = new AbortController();
  const waits = Array.from({ length: labelLimits.waiting }, () => labels.nextUpdate(stop.signal));
  await assert.rejects(labels.nextUpdate(stop.signal), { code: 'TOO_MANY' });
  stop.abort();
  for (const { status } of await Promise.allSettled(waits)) assert.equal(status, 'rejected');
  const again = labels.nextUpdate(new AbortController().signal);
  labels.claim(1, { latencyMs: 1 });
  assert.equal((await again).label, 1);
});
