import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toWire } from '../../../src/graph/data/wire.ts';
import { inPieces } from '../../../src/graph/peer/pieces.ts';
import type { GraphPeer } from '../../../src/graph/peer/peer.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { seededRandom } from '../../../src/std/std.ts';
import { SlowStore } from '../replica/slow-store.ts';
import { handPlayedLeaf, shorten, world, write } from './network.ts';

test('what was put while nobody was there is sent, as it is then, when a relay comes, and its callback hears of it', async () => {
  const { clock, peer, link: join, end } = world();
  const relay = peer({ relay: true });
  const leaf = peer({ limits: { perTurn: 2 } });
  const acks: string[] = [];
  for (let at = 0; at < 5; at++) void leaf.put([write(`n${at}`, 'x', 'first', 1)], { onAck: (ack) => acks.push(shorten(ack)) });
  void leaf.put([write('n0', 'x', 'second', 2)]);
  assert.equal(leaf.stats().outbox, 6);
  await clock.run(1_000);
  const wire = join(leaf, relay);
  await clock.run(1_000);
  assert.equal(leaf.stats().outbox, 0);
  assert.equal(relay.peek('n0')?.value('x'), 'second');
  assert.equal(relay.peek('n4')?.value('x'), 'first');
  assert.deepEqual(acks.slice(5), Array.from({ length: 5 }, () => 'peer memory'));
  // Sent into a wire that breaks: not acknowledged, so it goes again.
  void leaf.put([write('n5', 'x', 'late', 1)]);
  wire.cut();
  await clock.run(1_000);
  assert.equal(relay.peek('n5'), undefined);
  assert.equal(leaf.stats().outbox, 1);
  join(leaf, relay);
  await clock.run(1_000);
  assert.equal(relay.peek('n5')?.value('x'), 'late');
  assert.equal(leaf.stats().outbox, 0);
  await end();
});

test('more unsent puts than can be remembered one by one are remembered by soul, and all arrive', async () => {
  const { clock, peer, link: join, end } = world();
  const relay = peer({ relay: true });
  const leaf = peer({ limits: { outboxFields: 50 } });
  for (let at = 0; at < 300; at++) void leaf.put([write(`n${at % 30}`, `k${at}`, at, 1)]);
  assert.ok(leaf.stats().outbox <= 80, `${leaf.stats().outbox}`);
  join(leaf, relay);
  await clock.run(2_000);
  for (let at = 0; at < 300; at++) assert.equal(relay.peek(`n${at % 30}`)?.value(`k${at}`), at);
  assert.equal(leaf.stats().outbox, 0);
  await end();
});

test('what was written offline is sent after a restart too, and what was sent is not sent again', async () => {
  const { clock, peer, link: join, end } = world();
  const relay = peer({ relay: true });
  const disk = new MemoryStore();
  const start = (): GraphPeer => peer({ store: new SlowStore(clock, seededRandom(1), 10, disk) });
  let leaf = start();
  let wire = join(leaf, relay);
  await clock.run(1_000);
  await clock.until(leaf.put([write('sent', 'x', 'early', leaf.nextState())]));
  await clock.run(600_000);
  wire.cut();
  await clock.until(leaf.put([{ soul: 'unsent', fields: [{ key: 'x', value: 'late', state: leaf.nextState() }] }, write('sent', 'y', 'late', leaf.nextState())]));
  await clock.until(leaf.close());
  // Dies a second time without having met anybody.
  leaf = start();
  await clock.run(1_000);
  assert.equal(leaf.stats().outbox, 2);
  await clock.until(leaf.close());

  leaf = start();
  const puts: unknown[] = [];
  const hand = handPlayedLeaf(clock, relay.mesh, 'reader');
  await clock.run(100);
  for (const soul of ['sent', 'unsent']) hand.say({ '#': `get ${soul}`, get: { '#': soul } });
  await clock.run(2_000);
  wire = join(leaf, relay);
  await clock.run(1_000);
  assert.equal(relay.peek('unsent')?.value('x'), 'late');
  assert.equal(relay.peek('sent')?.value('y'), 'late');
  for (const { put } of hand.heard) if (put !== undefined) puts.push(...Object.values(put as Record<string, Record<string, unknown>>).flatMap((node) => Object.keys(node).filter((key) => key !== '_')));
  assert.deepEqual(puts.sort(), ['x', 'x', 'y'], 'the field that had been sent came once, as an answer');
  assert.equal(leaf.stats().outbox, 0);
  await clock.run(600_000);
  const souls: string[] = [];
  for await (const soul of leaf.souls()) souls.push(soul);
  assert.deepEqual(souls, ['sent', 'unsent'], 'the mark is nobody else\'s business');
  await clock.until(leaf.close());
  leaf = start();
  await clock.run(1_000);
  assert.equal(leaf.stats().outbox, 0);
  await end();
});

test('while something unsent had to be forgotten, it is not taken for sent after a restart', async () => {
  const { clock, peer, link: join, end } = world();
  const relay = peer({ relay: true });
  const disk = new MemoryStore();
  const store = (): SlowStore => new SlowStore(clock, seededRandom(1), 10, disk);
  let leaf = peer({ store: store(), limits: { outboxFields: 4, outboxSouls: 3 } });
  await clock.run(1_000);
  for (let at = 0; at < 12; at++) await clock.until(leaf.put([write(`n${at}`, 'x', at, leaf.nextState())]));
  const wire = join(leaf, relay);
  await clock.run(600_000);
  assert.equal(leaf.stats().outbox, 0);
  assert.equal(relay.peek('n0'), undefined, 'there was no room to remember it');
  wire.cut();
  await clock.until(leaf.close());
  leaf = peer({ store: store() });
  await clock.run(1_000);
  join(leaf, relay);
  await clock.run(5_000);
  for (let at = 0; at < 12; at++) assert.equal(relay.peek(`n${at}`)?.value('x'), at);
  await end();
});

test('a leaf that returns is asked for what it wrote, and for what that leads to', async () => {
  const { clock, peer, end } = world();
  const relay = peer({ relay: true });
  const leaf = handPlayedLeaf(clock, relay.mesh, 'page');
  await clock.run(100);
  leaf.say({ '#': 'p', put: toWire([write('list', 'first', { '#': 'item1' }, 1), write('item1', 'text', 'one', 1)]) });
  await clock.run(100);
  leaf.hang();
  // Meanwhile the page wrote an item and linked it; gun.js says nothing of it when it comes back.
  const graph = new Map([['list', [write('list', 'first', { '#': 'item1' }, 1), write('list', 'second', { '#': 'item2' }, 2)]], ['item1', [write('item1', 'text', 'changed', 3)]], ['item2', [write('item2', 'text', 'two', 2)]]]);
  const asked: string[] = [];
  const back = handPlayedLeaf(clock, relay.mesh, 'page', ({ get, '#': id }) => {
    const soul = (get as Record<string, string> | undefined)?.['#'];
    if (soul === undefined) return undefined;
    asked.push(soul);
    return { '#': `answer ${String(id)}`, '@': id, put: toWire(graph.get(soul) ?? []) };
  });
  await clock.run(1_000);
  assert.equal(relay.peek('item1')?.value('text'), 'changed');
  assert.deepEqual(relay.peek('list')?.value('second'), { '#': 'item2' });
  assert.equal(relay.peek('item2')?.value('text'), 'two');
  assert.deepEqual(asked.sort(), ['item1', 'item2', 'list']);
  back.hang();
  await end();
});

test('a large node and large values go again in messages that the other side takes', async () => {
  const { clock, peer, link: join, end } = world();
  const relay = peer({ relay: true });
  const leaf = peer({ limits: { messageChars: 20_000 } });
  const fields = Array.from({ length: 5_000 }, (_, at) => ({ key: `item${at}`, value: { '#': `list/${at}` }, state: 1 }));
  void leaf.put([{ soul: 'list', fields }]);
  for (let at = 0; at < 10; at++) void leaf.put([write(`text${at}`, 'x', 'y'.repeat(9_000 + 4_000 * at), 1)]);
  assert.equal(leaf.stats().outbox, 11);
  join(leaf, relay);
  await clock.run(5_000);
  assert.equal(relay.peek('list')?.size, 5_000);
  for (let at = 0; at < 10; at++) assert.equal(relay.peek(`text${at}`)?.chars, 1 + 9_000 + 4_000 * at);
  assert.equal(leaf.stats().outbox, 0);
  assert.deepEqual(relay.stats().mesh.violations, {});
  await end();
});

test('messages of a wished size hold every field once, in order', () => {
  const random = seededRandom(4);
  for (let round = 0; round < 200; round++) {
    const deltas = Array.from({ length: random.integer(6) }, (_, at) => ({
      soul: `s${at}`,
      fields: Array.from({ length: 1 + random.integer(20) }, (_field, key) => ({ key: `k${key}`, value: 'v'.repeat(random.integer(300)), state: 1 })),
    }));
    const pieces = [...inPieces(deltas, 500)];
    for (const piece of pieces) {
      assert.ok(piece.every(({ fields }) => fields.length > 0));
      const count = piece.reduce((sum, { fields }) => sum + fields.length, 0);
      assert.ok(count === 1 || JSON.stringify(toWire(piece)).length < 1_200);
    }
    const joined = pieces.flatMap((piece) => piece.flatMap(({ soul, fields }) => fields.map(({ key, value }) => [soul, key, value])));
    assert.deepEqual(joined, deltas.flatMap(({ soul, fields }) => fields.map(({ key, value }) => [soul, key, value])));
  }
});

test('of leaves with long souls fewer are remembered, the last heard before the others', async () => {
  const { clock, peer, end } = world();
  const relay = peer({ relay: true, limits: { leafChars: 1_000 } });
  const touch = async (pid: string): Promise<void> => {
    const leaf = handPlayedLeaf(clock, relay.mesh, pid);
    await clock.run(100);
    for (let at = 0; at < 4; at++) leaf.say({ '#': `${pid} ${at}`, get: { '#': `${pid}/${at}`.padEnd(100, '.') } });
    await clock.run(100);
    leaf.hang();
  };
  for (const pid of ['one', 'two', 'three']) await touch(pid);
  const asked = async (pid: string): Promise<number> => {
    const leaf = handPlayedLeaf(clock, relay.mesh, pid);
    await clock.run(1_000);
    leaf.hang();
    return leaf.heard.filter(({ get }) => get !== undefined).length;
  };
  assert.deepEqual([await asked('one'), await asked('two'), await asked('three')], [0, 4, 4]);
  await end();
});
