/** The holder's side against peers that do what they should not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blake3 } from '@noble/hashes/blake3.js';
import { bodyFrom } from '../../src/body/body.ts';
import { createPortableCodec } from '../../src/codec/codec.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { deriveObjectKeys } from '../../src/objects/format/keys.ts';
import { buildLayout, type BuiltLayout } from '../../src/objects/format/layout-view.ts';
import { hashOf } from '../../src/objects/format/layout.ts';
import { concatBytes, seededRandom } from '../../src/std/std.ts';
import { recordKind } from '../../src/store/store.ts';
import { status, type LayoutRequest, type PutRequest, type Reply } from '../../src/transport/transport.ts';
import { simulatedPeerId } from '../sim/peer-ids.ts';
import { engineOf, nodeAt, noise, openWorld, type World } from './world.ts';

const codec = createPortableCodec();
const deriveKey = (context: string, material: Uint8Array): Uint8Array => codec.deriveKey(context, material);
const [alice, mallory] = [1, 2].map((seed) => simulatedPeerId(seededRandom(seed))) as [PeerId, PeerId];
const key = noise(32, 99);

interface Made {
  readonly id: Uint8Array;
  readonly shards: readonly Uint8Array[];
  readonly layout: BuiltLayout;
  readonly manifest: Uint8Array;
}

async function make(seed: number): Promise<Made> {
  const keys = deriveObjectKeys(deriveKey, key);
  const encoded = await codec.encodeWhole({ plaintext: [noise(1000, seed)], key: keys.dataKey, compression: 'store' });
  const manifest = noise(100, seed);
  const layout = buildLayout(deriveKey, {
    mode: 'whole', segmentBytes: 0, salt: noise(32, seed), keyCommitment: keys.commitment, deleteTag: keys.deleteTag,
    manifestBytes: manifest.length, manifestHash: hashOf.manifest(deriveKey, manifest),
  }, [{ lengths: encoded.shards.map((shard) => shard.byteLength), identities: encoded.identities }]);
  return { id: noise(32, seed + 1000), shards: encoded.shards.map((shard) => shard.bytes()), layout, manifest };
}

function putOf(made: Made, row: number, changes: Partial<PutRequest> = {}): PutRequest {
  return { type: 'put', object: made.id, stripe: 0, row, identity: blake3(made.shards[row] as Uint8Array), durability: 'memory', repair: false, ...changes };
}

function layoutOf(made: Made, changes: Partial<LayoutRequest> = {}): LayoutRequest {
  return {
    type: 'layout', root: made.layout.view.root, object: made.id, headerBytes: made.layout.headerBytes.length,
    pageBytes: made.layout.pages.map((page) => page.length), manifestBytes: made.manifest.length, inline: [], slots: 1,
    holders: Array.from({ length: 12 }, () => alice), durability: 'fsync', ...changes,
  };
}

async function newHolder(): Promise<{ world: World; ask: (peer: PeerId, request: Parameters<ReturnType<typeof engineOf>['handle']>[1], body?: Uint8Array) => Promise<Reply> }> {
  const world = await openWorld(1, { settings: { uploadQuotaBytes: 70_000 } });
  const engine = engineOf(nodeAt(world, 0));
  return { world, ask: (peer, request, body = new Uint8Array(0)) => world.clock.until(engine.handle(peer, request, bodyFrom(body))) };
}

const layoutBody = (made: Made, ...inline: Uint8Array[]): Uint8Array => concatBytes(made.layout.headerBytes, ...made.layout.pages, made.manifest, ...inline);

test('an upload belongs to the peer that made it until it is committed', async () => {
  const { ask } = await newHolder();
  const made = await make(1);
  assert.equal((await ask(alice, putOf(made, 0), made.shards[0])).status, status.ok);
  assert.equal((await ask(mallory, putOf(made, 1), made.shards[1])).status, status.conflict);
  assert.equal((await ask(mallory, { type: 'get', object: made.id, kind: recordKind.shard, stripe: 0, row: 0, offset: 0, length: 0 })).status, status.notFound);
  assert.equal((await ask(mallory, layoutOf(made), layoutBody(made))).status, status.conflict);
  const reply = await ask(alice, layoutOf(made), layoutBody(made));
  assert.deepEqual(reply.status === 0 && reply.answer, { durability: 'fsync', missing: [] });
  assert.equal((await ask(mallory, { type: 'get', object: made.layout.view.root, kind: recordKind.shard, stripe: 0, row: 0, offset: 0, length: 0 })).status, status.ok);
  const other = await make(2);
  assert.equal((await ask(mallory, layoutOf(other, { object: made.id }), layoutBody(other))).status, status.conflict);
});

test('a commit names what is missing and what is another shard than committed', async () => {
  const { ask } = await newHolder();
  const made = await make(3);
  await ask(alice, putOf(made, 0), made.shards[0]);
  await ask(alice, putOf(made, 1, { identity: blake3(noise(20)) }), noise(20));
  const reply = await ask(alice, layoutOf(made, { slots: 0b111 }), layoutBody(made));
  assert.deepEqual(reply.status === 0 && reply.answer, { durability: 'memory', missing: [{ stripe: 0, row: 1 }, { stripe: 0, row: 2 }] });
  assert.equal((await ask(alice, { type: 'have', root: made.layout.view.root, firstStripe: 0, stripes: 1 }) as { answer?: { known: boolean } }).answer?.known, false);
});

test('every part of a layout is checked from the root down', async () => {
  const { ask } = await newHolder();
  const made = await make(4);
  const body = layoutBody(made);
  for (let at = 0; at < body.length; at += 7) {
    const wrong = body.slice();
    wrong[at] = (wrong[at] as number) ^ 1;
    assert.equal((await ask(alice, layoutOf(made, { slots: 0 }), wrong)).status, status.badRequest, `byte ${at}`);
  }
  assert.equal((await ask(alice, layoutOf(made, { slots: 0 }), body.subarray(0, -1))).status, status.badRequest);
  assert.equal((await ask(alice, layoutOf(made, { slots: 0, pageBytes: [] }), body)).status, status.badRequest);
  assert.equal((await ask(alice, layoutOf(made, { slots: 0, root: noise(32) }), body)).status, status.badRequest);
  assert.equal((await ask(alice, layoutOf(made, { slots: 0, headerBytes: 0 }), body)).status, status.notFound);
  assert.equal((await ask(alice, layoutOf(made, { slots: 0 }), body)).status, status.ok);
});

test('inline shards must be what the layout commits to', async () => {
  const { ask } = await newHolder();
  const made = await make(5);
  const shard = made.shards[0] as Uint8Array;
  const inline = [{ stripe: 0, row: 0, byteLength: shard.length }];
  assert.equal((await ask(alice, layoutOf(made, { inline }), layoutBody(made, noise(shard.length)))).status, status.mismatch);
  assert.equal((await ask(alice, layoutOf(made, { inline: [{ stripe: 0, row: 0, byteLength: 5 }] }), layoutBody(made, noise(5)))).status, status.mismatch);
  assert.equal((await ask(alice, layoutOf(made, { inline: [{ stripe: 9, row: 200, byteLength: 5 }] }), layoutBody(made, noise(5)))).status, status.mismatch);
  assert.equal((await ask(alice, layoutOf(made, { inline }), layoutBody(made, shard))).status, status.ok);
});

test('a repaired shard is taken only under a known root and with the committed identity', async () => {
  const { ask } = await newHolder();
  const made = await make(6);
  const { root } = made.layout.view;
  assert.equal((await ask(alice, putOf(made, 2, { object: root, repair: true }), made.shards[2])).status, status.notFound);
  await ask(alice, layoutOf(made, { slots: 0 }), layoutBody(made));
  assert.equal((await ask(alice, putOf(made, 2, { object: root, repair: true }), noise(9))).status, status.mismatch);
  assert.equal((await ask(alice, putOf(made, 2, { object: root, repair: true, identity: blake3(noise(9)) }), noise(9))).status, status.mismatch);
  assert.equal((await ask(alice, putOf(made, 2, { object: root, repair: true }), made.shards[2])).status, status.ok);
  const have = await ask(alice, { type: 'have', root, firstStripe: 0, stripes: 1 });
  assert.deepEqual(have.status === 0 && have.answer, { known: true, deleted: false, masks: Uint16Array.of(1 << 2) });
});

test('a shard whose bytes are not its identity is refused, and so is one in no place', async () => {
  const { ask } = await newHolder();
  const made = await make(7);
  assert.equal((await ask(alice, putOf(made, 0), noise(50))).status, status.mismatch);
  assert.equal((await ask(alice, putOf(made, 0, { row: 12 }), made.shards[0])).status, status.badRequest);
  assert.equal((await ask(alice, putOf(made, 0, { stripe: 40_000 }), made.shards[0])).status, status.badRequest);
  assert.equal((await ask(alice, putOf(made, 0), new Uint8Array(0))).status, status.badRequest);
});

test('what one peer may leave uncommitted is bounded, expires, and is its own matter', async () => {
  const { world, ask } = await newHolder();
  const made = await make(8);
  const shard = noise(1000);
  const identity = blake3(shard);
  assert.equal((await ask(alice, putOf(made, 0, { identity }), shard)).status, status.ok);
  assert.equal((await ask(alice, putOf(made, 1, { identity }), shard)).status, status.ok);
  assert.equal((await ask(alice, putOf(made, 2, { identity }), shard)).status, status.full);
  assert.equal((await ask(mallory, putOf(await make(9), 2, { identity }), shard)).status, status.ok);
  await world.clock.run(2 * world.settings.uploadExpiresMs);
  assert.equal(nodeAt(world, 0).store.usage().records, 0);
  assert.equal((await ask(alice, putOf(made, 2, { identity }), shard)).status, status.ok);
});

test('uploads that a crash left behind expire too, what was committed stays', async () => {
  const { world, ask } = await newHolder();
  const made = await make(10);
  await ask(alice, putOf(made, 0), made.shards[0]);
  await ask(alice, layoutOf(made), layoutBody(made));
  const left = await make(11);
  await ask(alice, putOf(left, 0, { durability: 'fsync' }), left.shards[0]);
  nodeAt(world, 0).crash();
  await world.startNode(nodeAt(world, 0));
  await world.clock.run(1_000);
  assert.equal(engineOf(nodeAt(world, 0)).counts().held, 1);
  const before = nodeAt(world, 0).store.usage().records;
  await world.clock.run(2 * world.settings.uploadExpiresMs);
  assert.equal(nodeAt(world, 0).store.usage().records, before - 1);
  assert.equal(engineOf(nodeAt(world, 0)).counts().held, 1);
});

test('shards whose holders record cannot be read do not expire', async () => {
  const { world, ask } = await newHolder();
  const made = await make(16);
  await ask(alice, putOf(made, 0), made.shards[0]);
  await ask(alice, layoutOf(made), layoutBody(made));
  const node = nodeAt(world, 0);
  assert.ok(node.store.damage({ object: made.layout.view.root, kind: recordKind.holders, stripe: 0, row: 0 }));
  const before = node.store.usage().records;
  node.crash();
  await world.startNode(node);
  await world.clock.run(3 * world.settings.uploadExpiresMs);
  assert.equal(engineOf(node).counts().held, 0);
  assert.equal(node.store.usage().records, before);
});

test('a commit is not confirmed when the fsync of another took its shards', async () => {
  const { world, ask } = await newHolder();
  const made = await make(17);
  await ask(alice, putOf(made, 0), made.shards[0]);
  const { store } = nodeAt(world, 0);
  const sync = store.sync.bind(store);
  const key = { object: made.id, kind: recordKind.shard, stripe: 0, row: 0 };
  // What a store does on a failed fsync: unsynced records are gone, and the one sync that waited for it has heard.
  store.sync = () => {
    store.sync = sync;
    return store.remove([key]);
  };
  assert.notEqual((await ask(alice, layoutOf(made), layoutBody(made))).status, status.ok);
  const again = await ask(alice, layoutOf(made), layoutBody(made));
  assert.deepEqual(again.status === 0 && (again.answer as { missing: unknown }).missing, [{ stripe: 0, row: 0 }]);
  await ask(alice, putOf(made, 0), made.shards[0]);
  const whole = await ask(alice, layoutOf(made), layoutBody(made));
  assert.deepEqual(whole.status === 0 && whole.answer, { durability: 'fsync', missing: [] });
});

test('strangers do not change who the holders are said to be', async () => {
  const { ask } = await newHolder();
  const made = await make(12);
  await ask(alice, putOf(made, 0), made.shards[0]);
  await ask(alice, layoutOf(made), layoutBody(made));
  const hint = layoutOf(made, { headerBytes: 0, pageBytes: [], manifestBytes: 0, slots: 0, holders: Array.from({ length: 12 }, () => mallory) });
  const read = async (): Promise<string> => {
    const reply = await ask(alice, { type: 'get', object: made.layout.view.root, kind: recordKind.holders, stripe: 0, row: 0, offset: 0, length: 0 });
    return reply.status === 0 ? Buffer.from(reply.body.bytes()).toString('latin1') : '';
  };
  await ask(mallory, hint);
  assert.ok(!(await read()).includes(mallory));
  await ask(alice, hint);
  assert.ok((await read()).includes(mallory));
});

test('a deleted object takes no layout and no shard any more', async () => {
  const { ask } = await newHolder();
  const made = await make(13);
  const { root } = made.layout.view;
  await ask(alice, layoutOf(made, { slots: 0 }), layoutBody(made));
  assert.equal((await ask(mallory, { type: 'delete', root, secret: noise(32) })).status, status.denied);
  assert.equal((await ask(mallory, { type: 'delete', root, secret: deriveObjectKeys(deriveKey, key).deleteSecret })).status, status.ok);
  assert.equal((await ask(alice, layoutOf(made, { slots: 0 }), layoutBody(made))).status, status.gone);
  assert.equal((await ask(alice, putOf(made, 2, { object: root, repair: true }), made.shards[2])).status, status.gone);
  assert.equal((await ask(alice, putOf(made, 2, { object: root }), made.shards[2])).status, status.gone);
  const tombstone = await ask(alice, { type: 'get', object: root, kind: recordKind.tombstone, stripe: 0, row: 0, offset: 0, length: 0 });
  assert.equal(tombstone.status, status.ok);
});

test('a disk that lies about a shard is found out at the read, and the shard no longer counts as here', async () => {
  const { world, ask } = await newHolder();
  const made = await make(14);
  await ask(alice, putOf(made, 0), made.shards[0]);
  await ask(alice, layoutOf(made), layoutBody(made));
  const { root } = made.layout.view;
  assert.ok(nodeAt(world, 0).store.damage({ object: made.id, kind: recordKind.shard, stripe: 0, row: 0 }));
  const get = { type: 'get', object: root, kind: recordKind.shard, stripe: 0, row: 0, offset: 0, length: 0 } as const;
  assert.equal((await ask(alice, get)).status, status.notFound);
  const have = await ask(alice, { type: 'have', root, firstStripe: 0, stripes: 1 });
  assert.deepEqual(have.status === 0 && [...(have.answer as { masks: Uint16Array }).masks], [0]);
  assert.equal((await ask(alice, putOf(made, 0, { object: root, repair: true }), made.shards[0])).status, status.ok);
  assert.equal((await ask(alice, get)).status, status.ok);
});

test('ranges and odd questions get plain answers', async () => {
  const { ask } = await newHolder();
  const made = await make(15);
  await ask(alice, putOf(made, 0), made.shards[0]);
  await ask(alice, layoutOf(made), layoutBody(made));
  const get = { type: 'get', object: made.layout.view.root, kind: recordKind.shard, stripe: 0, row: 0, offset: 3, length: 4 } as const;
  const reply = await ask(alice, get);
  assert.deepEqual(reply.status === 0 && [...reply.body.bytes()], [...(made.shards[0] as Uint8Array).subarray(3, 7)]);
  assert.equal((await ask(alice, { ...get, offset: 1_000_000 })).status, status.badRequest);
  assert.equal((await ask(alice, { ...get, length: 1_000_000 })).status, status.badRequest);
  assert.equal((await ask(alice, { ...get, kind: 17 })).status, status.badRequest);
  assert.equal((await ask(alice, { ...get, row: 5 })).status, status.notFound);
  assert.equal((await ask(alice, { type: 'have', root: noise(32), firstStripe: 40_000, stripes: 40_000 })).status, status.badRequest);
  assert.equal((await ask(alice, { type: 'ping' })).status, status.ok);
  assert.equal((await ask(alice, { type: 'stat' })).status, status.ok);
});
