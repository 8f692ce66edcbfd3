/** Objects over the codecs and stores that a real node has, on real time and real disks. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createNativeCodec, createPortableCodec, type Codec } from '../../src/codec/codec.ts';
import { MemoryDhtNetwork } from '../../src/dht/dht.ts';
import { MemoryKv } from '../../src/kv/kv.ts';
import { loadNative } from '../../src/native/native.ts';
import { openObjects, type ObjectEngine } from '../../src/objects/engine.ts';
import type { TreeEntry } from '../../src/objects/types.ts';
import { openPeerRegistry } from '../../src/peers/peers.ts';
import { concatBytes, seededRandom, systemClock, systemRandom, utf8 } from '../../src/std/std.ts';
import { openNativeStore, openNodeFsStore, type ShardStore } from '../../src/store/store.ts';
import { discardMetrics, silentLogger } from '../../src/telemetry/telemetry.ts';
import { MemoryNetwork } from '../../src/transport/transport.ts';
import { smallRecords } from '../conformance/codec-dictionary.ts';
import { simulatedPeerId } from '../sim/peer-ids.ts';
import { settings } from '../sim/world.ts';
import { assertSame, collect, noise, stream, stripeBytes } from './world.ts';

async function* samples(): AsyncGenerator<TreeEntry> {
  for (const [at, record] of smallRecords(1000).entries()) {
    yield { path: `${at}`, type: 'file', mode: 0o600, modifiedMs: 0, bytes: record.length, content: stream(record) };
  }
}

interface Variant {
  readonly name: string;
  readonly skip: string | false;
  readonly makeCodec: () => Codec;
  readonly openStore: (directory: string, owner: string) => Promise<ShardStore>;
}

const loaded = loadNative();
const lacks = (feature: string): string | false => {
  if (!loaded.ok) return loaded.reason;
  return feature in loaded.native ? false : `the addon is built without ${feature}`;
};
const native = (): Extract<typeof loaded, { ok: true }>['native'] => {
  assert.ok(loaded.ok);
  return loaded.native;
};

const variants: readonly Variant[] = [
  { name: 'portable codec, node-fs store', skip: false, makeCodec: () => createPortableCodec(), openStore: (directory, owner) => openNodeFsStore({ directory, owner, create: true }) },
  { name: 'native codec, node-fs store', skip: lacks('Ces'), makeCodec: () => createNativeCodec(native()), openStore: (directory, owner) => openNodeFsStore({ directory, owner, create: true }) },
  { name: 'portable codec, native store', skip: lacks('NativeStore'), makeCodec: () => createPortableCodec(), openStore: (directory, owner) => openNativeStore(native(), { directory, owner, create: true }) },
  { name: 'native codec, native store', skip: lacks('Ces') || lacks('NativeStore'), makeCodec: () => createNativeCodec(native()), openStore: (directory, owner) => openNativeStore(native(), { directory, owner, create: true }) },
];

for (const { name, skip, makeCodec, openStore } of variants) {
  test(`${name}: objects come back, whole and striped, also with four holders gone`, { skip, timeout: 120_000 }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'pangea-objects-'));
    const random = seededRandom(11);
    const network = new MemoryNetwork({ clock: systemClock, random });
    const dhtNetwork = new MemoryDhtNetwork();
    const nodes: { peer: string; engine: ObjectEngine; store: ShardStore; stop: () => Promise<void> }[] = [];
    try {
      for (let index = 0; index < 12; index++) {
        const peer = simulatedPeerId(random);
        const codec = makeCodec();
        const registry = await openPeerRegistry({ clock: systemClock, logger: silentLogger, metrics: discardMetrics, localPeer: peer });
        const hello = { label: index, version: 'test', quicAddresses: [], multiaddrs: [], certificate: new Uint8Array(0), storing: true, freeBytes: 2 ** 35, failureDomain: '' };
        const transport = network.transport(peer, { hello: () => hello, onHello: (other, facts) => { registry.greeted(other, facts); return true; } });
        const store = await openStore(join(directory, String(index)), peer);
        const engine = openObjects({
          clock: systemClock, random: systemRandom, codec, store, transport, dht: dhtNetwork.dht(peer, [], { rules: {}, clock: systemClock }),
          peers: registry, kv: new MemoryKv(), logger: silentLogger, metrics: discardMetrics, localPeer: peer, announceKey: (root) => root,
          objectKey: (salt) => codec.deriveKey('test owner', concatBytes(utf8(peer), salt)), settings: { ...settings, compression: { kind: 'auto', minLevel: 1, maxLevel: 3 } },
        });
        await transport.listen((from, request, body) => engine.handle(from, request, body));
        for (const other of nodes) await transport.connect(`memory:${other.peer}`);
        engine.start();
        nodes.push({ peer, engine, store, stop: async () => { await engine.stop(100); await transport.close(100); await registry.flush(); await store.close(); } });
      }
      const objects = [0, 1, 70_000, stripeBytes, stripeBytes + 1, 5 * stripeBytes + 321].map((size) => noise(size, size));
      const text = utf8('the same line again and again\n'.repeat(40_000));
      const links: string[] = [];
      for (const bytes of [...objects, text]) {
        const result = await (nodes[0] as (typeof nodes)[0]).engine.put(stream(bytes), { name: 'x' });
        assert.equal(result.ack.fsynced, 12);
        links.push(result.link);
      }
      const writer = (nodes[0] as (typeof nodes)[0]).engine;
      const learning = writer.trainDictionary(samples(), { name: 'records', bytes: 2048 });
      if (name.startsWith('portable')) await assert.rejects(learning, { code: 'NOT_SUPPORTED' });
      else assert.equal((await learning).mediaType, 'application/x-zstd-dictionary');
      const [record] = smallRecords(1) as [Uint8Array];
      const dictionary = name.startsWith('portable') ? {} : { dictionary: 'records' };
      const small = await writer.put(stream(record), { name: 'record', ...dictionary });
      if (!name.startsWith('portable')) assert.ok(small.compression.compressedBytes * 2 < record.length, `${small.compression.compressedBytes}`);
      links.push(small.link);
      for (const dead of [2, 5, 8, 11]) await nodes[dead]?.stop();
      for (const [index, bytes] of [...objects, text, record].entries()) {
        const { content } = await (nodes[7] as (typeof nodes)[0]).engine.get(links[index] as string);
        assertSame(await collect(content), bytes);
      }
    } finally {
      for (const node of nodes) await node.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
}
