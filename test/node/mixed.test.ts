import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MixedNode, NodeEvent } from '../../src/api/api.ts';
import { bodyFrom } from '../../src/body/body.ts';
import { openJsHost, type Host } from '../../src/host/host.ts';
import type { RunningNode } from '../../src/node/node.ts';
import { messageLimits, messageProtocol } from '../../src/node/mixed-messages.ts';
import { seededRandom, systemClock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { fetchForeign, serveForeign, storeForeign } from '../../src/transport/transport.ts';
import { listening, Nodes } from './mixed-nodes.ts';

const call = { clock: systemClock, timeoutMs: 10_000 };

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    assert.ok(tries < 400, `it never came: ${what}`);
    await sleep(25);
  }
}

describe('the calls of the existing network', { timeout: 120_000 }, () => {
  const nodes = new Nodes();
  const hosts: Host[] = [];
  let first: RunningNode;
  let second: RunningNode;
  before(async () => {
    [first, second] = await Promise.all([nodes.start(1), nodes.start(2)]);
  });
  after(async () => {
    await Promise.all(hosts.map((host) => host.close()));
    await nodes.stop();
  });

  /** A peer that speaks libp2p and nothing of this node's own protocols. */
  async function stranger(seed: number): Promise<Host> {
    const host = await openJsHost({
      seed: new Uint8Array(32).fill(seed), listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap: [], mdns: false, allow: ['127.0.0.0/8'], acceptRecord: () => true,
      agentVersion: 'stranger', permits: () => true, clock: systemClock, logger: silentLogger,
    });
    hosts.push(host);
    return host;
  }

  test('connect meets the node behind an address, and expects its label', async () => {
    const { mixed } = first.api;
    await assert.rejects(mixed.node(2), { code: 'NOT_FOUND' });
    const { host, port, quic } = await listening(second);
    await assert.rejects(mixed.connect(77, host, port), { code: 'PEER_MISMATCH' });
    const quality = await mixed.connect(2, host, port);
    assert.ok(quality.latencyMs >= 0 && quality.packetLoss >= 0);
    assert.deepEqual((await mixed.connected()).map(({ label, path }) => [label, path]), [[2, 'direct']]);
    assert.equal((await mixed.node(2)).status, 0);
    assert.deepEqual((await mixed.nodes()).map(({ label }) => label), [1, 2]);
    assert.ok((await mixed.quality(2)).latencyMs >= 0);
    assert.equal((await mixed.libp2pPeers()).length, 1);
    assert.match(await mixed.localMultiaddr(), /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW/);
    for (const address of quic) {
      const at = address.lastIndexOf(':');
      await mixed.connect(0, address.slice(0, at), Number(address.slice(at + 1)));
    }
  });

  test('the dial policy keeps private targets out; nonsense is no address', async () => {
    const { mixed } = first.api;
    for (const target of ['192.168.1.1', '10.0.0.1', '169.254.1.1', '::ffff:192.168.1.1', 'fd00::1']) {
      await assert.rejects(mixed.connect(0, target, 9090), { code: 'DIAL_REFUSED' }, target);
    }
    for (const [target, port] of [['127.0.0.1', 0], ['127.0.0.1', 65_536], ['', 1], ['x'.repeat(300), 1]] as const) {
      await assert.rejects(mixed.connect(0, target, port), { code: 'ADDRESS_INVALID' });
    }
    await assert.rejects(mixed.connect(0, '127.0.0.1', 1), { code: 'PEER_UNREACHABLE' });
  });

  test('a claim is shown to who asks, and the registry takes no notice', async () => {
    const { mixed } = first.api;
    const before = (await first.api.peers()).find(({ label }) => label === 2);
    await mixed.claim(2, { latencyMs: 4321, threatScore: 0.9 });
    assert.deepEqual(await mixed.node(2), { label: 2, status: 2, latencyMs: 4321, threatScore: 0.9 } satisfies MixedNode);
    const after = (await first.api.peers()).find(({ label }) => label === 2);
    assert.deepEqual([after?.status, after?.threatScore], [before?.status, before?.threatScore]);
    assert.notEqual(after?.latencyMs, 4321);
    await mixed.claim(2, { threatScore: 0 });
    assert.deepEqual([(await mixed.node(2)).status, (await mixed.node(2)).latencyMs], [0, 4321]);
    await assert.rejects(mixed.claim(99, { latencyMs: 1 }), { code: 'NOT_FOUND' });
    for (const claim of [{ latencyMs: -1 }, { latencyMs: Number.NaN }, { threatScore: 1.1 }, { threatScore: Infinity }]) {
      await assert.rejects(mixed.claim(2, claim), { code: 'USAGE' });
    }
  });

  test('nextUpdate resolves at a change, and is given up with its signal', async () => {
    const { mixed } = first.api;
    const change = mixed.nextUpdate(new AbortController().signal);
    await mixed.claim(2, { latencyMs: 5 });
    assert.equal((await change).label, 2);
    const stop = new AbortController();
    const given = mixed.nextUpdate(stop.signal);
    stop.abort();
    await assert.rejects(given, { code: 'ABORTED' });
    await assert.rejects(mixed.nextUpdate(stop.signal), { code: 'ABORTED' });
    // A measured change, without any claim: pings come every five seconds.
    assert.equal((await mixed.nextUpdate(AbortSignal.timeout(30_000))).label, 2);
  });

  test('messages arrive with their sender, and only whole ones', async () => {
    const heard: NodeEvent[] = [];
    const stop = second.api.subscribe(['message'], (event) => heard.push(event));
    const data = seededRandom(1).bytes(messageLimits.bytes);
    for (const bytes of [data, new Uint8Array(0), Uint8Array.of(1)]) await first.api.mixed.sendMessage(2, bytes);
    await until(() => heard.length === 3, 'three messages');
    const [longest, empty] = heard;
    assert.ok(longest?.kind === 'message' && empty?.kind === 'message');
    assert.deepEqual([longest.label, longest.data.length, empty.data.length], [1, data.length, 0]);
    assert.ok(Buffer.from(data).equals(longest.data));
    await assert.rejects(first.api.mixed.sendMessage(2, new Uint8Array(messageLimits.bytes + 1)), { code: 'TOO_LARGE' });
    await assert.rejects(first.api.mixed.sendMessage(55, data), { code: 'NOT_FOUND' });

    const host = await stranger(41);
    const peer = await host.dial((await listening(second)).multiaddr);
    for (const bytes of [[], [0], [0, 0, 0, 5, 1], [0, 0, 0, 0, 9], [255, 255, 255, 255]]) {
      const stream = await host.openStream(peer, messageProtocol);
      await stream.write(bodyFrom(Uint8Array.from(bytes)));
      await stream.closeWrite();
      assert.deepEqual((await stream.read())?.bytes()[0], 2);
      stream.reset();
    }
    assert.equal(heard.length, 3);
    stop();
  });

  test('a block comes back from any eight of its shards, here and after a restart', { timeout: 60_000 }, async () => {
    const data = seededRandom(9).bytes(3_000_001);
    const third = await nodes.start(3);
    const shards = await third.api.mixed.cesProcess(data, 5);
    assert.equal(shards.length, 12);
    for (const missing of [[0, 1, 2, 3], [8, 9, 10, 11], [0, 5, 9, 11]]) {
      const some = shards.map((shard, row) => (missing.includes(row) ? undefined : shard));
      assert.ok(Buffer.from(data).equals(await third.api.mixed.cesReconstruct(some)));
    }
    await assert.rejects(third.api.mixed.cesReconstruct(shards.slice(0, 7)), { code: 'NOT_ENOUGH_SHARDS' });
    await assert.rejects(third.api.mixed.cesReconstruct([...shards, new Uint8Array(1)]), { code: 'USAGE' });
    await assert.rejects(third.api.mixed.cesReconstruct(shards.map((shard) => shard.map((byte, at) => (at === 100 ? byte ^ 1 : byte)))), { code: 'CORRUPT' });
    await assert.rejects(second.api.mixed.cesReconstruct(shards), { code: 'CORRUPT' }, 'another owner has another key');
    await third.stop(2_000);
    const again = await nodes.start(3);
    assert.ok(Buffer.from(data).equals(await again.api.mixed.cesReconstruct(shards)));
    assert.equal((await again.api.mixed.cesReconstruct(await again.api.mixed.cesProcess(new Uint8Array(0), 0))).length, 0);
    await assert.rejects(again.api.mixed.cesProcess(new Uint8Array(64 * 1024 * 1024 + 1), 3), { code: 'TOO_LARGE' });
    await again.stop(2_000);
  });

  test('a foreign peer keeps shards of a block and gives them back for a download', async () => {
    const host = await stranger(43);
    const kept = new Map<string, Uint8Array>();
    serveForeign({
      host, clock: systemClock, logger: silentLogger, admits: () => true,
      shards: {
        fetch: async (_peer, hash, index) => { const bytes = kept.get(`${hash}/${index}`); return bytes && bodyFrom(bytes); },
        store: async (_peer, hash, index, shard) => { kept.set(`${hash}/${index}`, shard.slice()); return true; },
      },
    });
    const [, , ip = '', , port = ''] = (host.multiaddrs()[0] ?? '').split('/');
    const { mixed } = first.api;
    await mixed.connect(700, ip, Number(port));
    assert.ok((await mixed.connected()).some(({ label }) => label === 700));
    const data = seededRandom(3).bytes(200_000);
    const shards = await mixed.cesProcess(data, 3);
    const own = host.connectedPeers()[0];
    assert.ok(own !== undefined);
    for (const [index, shard] of shards.entries()) {
      // Some with the foreign peer, some with this node itself, two nowhere.
      if (index < 6) kept.set(`a file/${index}`, shard);
      else if (index < 10) await storeForeign(host, own, 'a file', index, shard, call);
    }
    assert.ok(Buffer.from(shards[7] ?? []).equals((await fetchForeign(host, own, 'a file', 7, call)) ?? new Uint8Array(0)));
    const places = shards.map((_, index) => ({ index, label: index < 6 ? 700 : 1 }));
    assert.ok(Buffer.from(data).equals(await mixed.download('a file', places)));
    kept.clear();
    await assert.rejects(mixed.download('a file', places), { code: 'NOT_ENOUGH_SHARDS', data: { found: 4, needed: 8 } });
    await assert.rejects(mixed.download('a file', []), { code: 'NOT_FOUND' });
    await assert.rejects(mixed.download('', places), { code: 'USAGE' });
    // The DHT may come back at once for a question of its own.
    let ended = false;
    host.on({ disconnected: () => { ended = true; } });
    await mixed.disconnect(700);
    await until(() => ended, 'the end of the connection');
  });

  test('a private network answers strangers neither shards nor messages', async () => {
    const host = await stranger(44);
    const member = await nodes.startPrivate(4);
    const heard: NodeEvent[] = [];
    member.api.subscribe(['message'], (event) => heard.push(event));
    const peer = await host.dial((await listening(member)).multiaddr);
    await assert.rejects(storeForeign(host, peer, 'a file', 0, Uint8Array.of(1), call));
    await assert.rejects(fetchForeign(host, peer, 'a file', 0, call));
    const stream = await host.openStream(peer, messageProtocol);
    await stream.write(bodyFrom(new Uint8Array(4)));
    await stream.closeWrite();
    assert.equal((await stream.read())?.bytes()[0], 2);
    stream.reset();
    assert.equal(heard.length, 0);
    const { host: ip, port } = await listening(second);
    await assert.rejects(member.api.mixed.connect(0, ip, port), { code: 'PEER_UNREACHABLE' }, 'who is no member is not met');
  });

  test('an upload is an object with a root; its places name labels; a download gives it back', async () => {
    const { mixed } = first.api;
    const data = seededRandom(4).bytes(120_000);
    const heard: NodeEvent[] = [];
    const stop = first.api.subscribe(['object'], (event) => heard.push(event));
    const report = await mixed.upload(data, [2]);
    assert.match(report.root, /^[0-9a-f]{64}$/);
    assert.deepEqual([report.bytes, report.places.length], [data.length, 12]);
    assert.ok(report.places.every(({ label }) => label === 1 || label === 2));
    assert.ok(Buffer.from(data).equals(await mixed.download(report.root, [])));
    assert.ok(Buffer.from(data).equals(await mixed.download(report.root.toUpperCase(), report.places)));
    await assert.rejects(second.api.mixed.download(report.root, []), { code: 'NOT_FOUND' });
    await first.api.remove(report.root);
    await until(() => heard.length === 2, 'put and removed');
    assert.deepEqual(heard.map((event) => event.kind === 'object' && [event.change, event.root, event.bytes]), [['put', report.root, 120_000], ['removed', report.root, 120_000]]);
    stop();
  });

  test('a download without a token gives uploads, after a restart too, and no other object of the catalogue', async () => {
    const node = await nodes.start(5);
    const { root } = await node.api.put(once(Uint8Array.of(1, 2, 3)), { name: 'private' });
    const places = Array.from({ length: 12 }, (_, index) => ({ index, label: 5 }));
    await assert.rejects(node.api.mixed.download(root, []), { code: 'NOT_FOUND' });
    await assert.rejects(node.api.mixed.download(root, places), (error: { code: string }) => error.code === 'CORRUPT' || error.code === 'NOT_ENOUGH_SHARDS');
    const kept = await node.api.mixed.upload(Uint8Array.of(4), []);
    const removed = await node.api.mixed.upload(Uint8Array.of(5), []);
    await node.api.remove(removed.root);
    await node.stop(2_000);
    const again = await nodes.start(5);
    assert.deepEqual([...(await again.api.mixed.download(kept.root, []))], [4]);
    for (const gone of [root, removed.root]) await assert.rejects(again.api.mixed.download(gone, []), { code: 'NOT_FOUND' });
    await again.stop(2_000);
  });

  test('load, settings and mDNS', async () => {
    const { mixed } = first.api;
    const load = await mixed.metrics();
    assert.ok(load.cpuUsage >= 0 && load.cpuUsage <= 1 && load.ioCapacity >= 0 && load.ioCapacity <= 1 && load.bandwidthMbps >= 0);
    assert.equal(load.peerCount, (await first.api.peers()).filter(({ connected }) => connected).length);
    const initial = await mixed.loadConfig();
    assert.deepEqual([initial.nodeId, initial.lastSavedAt, initial.localMode], [1, '', true]);
    await mixed.saveConfig({ ...initial, customSettings: { theme: 'dark' }, lastSavedAt: 'never' });
    const saved = await mixed.loadConfig();
    assert.equal(saved.customSettings['theme'], 'dark');
    assert.match(saved.lastSavedAt, /^\d{4}-\d\d-\d\dT/);
    await assert.rejects(mixed.saveConfig({ ...initial, capnpAddr: 'x'.repeat(70_000) }), { code: 'TOO_LARGE' });
    assert.deepEqual(await mixed.mdnsDiscovered(), []);
    await assert.rejects(mixed.connectMdns('12D3KooWD4ubZBBe2ixRy5hXnCJurjymDNcnmZtnXG3BwXBcM6Hr'), { code: 'NOT_FOUND' });
    await assert.rejects(mixed.connectMdns('nobody'), { code: 'NOT_FOUND' });
  });
});
