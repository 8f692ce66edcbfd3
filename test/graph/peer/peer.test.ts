import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPangeaError } from '../../../src/errors/errors.ts';
import { toWire } from '../../../src/graph/data/wire.ts';
import type { Delta } from '../../../src/graph/data/types.ts';
import type { GuardVerdict } from '../../../src/graph/peer/peer.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { seededRandom } from '../../../src/std/std.ts';
import { SlowStore } from '../replica/slow-store.ts';
import { handPlayedLeaf, shorten, world, write } from './network.ts';

test('a put is acknowledged here and by the relay, each saying where it is stored', async () => {
  const { clock, peer, link: join, end } = world();
  const relay = peer({ relay: true, store: new SlowStore(clock, seededRandom(1)) });
  const leaf = peer();
  join(leaf, relay);
  await clock.run(100);
  const acks: string[] = [];
  const result = await clock.until(leaf.put([write('a', 'x', 1, leaf.nextState())], { onAck: (ack) => acks.push(shorten(ack)) }));
  assert.equal(result.stored, 'memory');
  assert.equal(result.accepted.length, 1);
  await clock.run(20_000);
  assert.deepEqual(acks, ['local memory', 'peer disk']);
  assert.equal((await clock.until(relay.load('a')))?.value('x'), 1);
  assert.equal(leaf.stats().outbox, 0);
  await end();
});

test('a put that nobody acknowledges says so after its time', async () => {
  const { clock, peer, end } = world();
  const alone = peer();
  const acks: string[] = [];
  await clock.until(alone.put([write('a', 'x', 1, 1)], { onAck: (ack) => acks.push(`${shorten(ack)} ${clock.monotonicMs() > 8_000}`) }));
  await clock.until(alone.put([write('a', 'y', 1, 1)], { onAck: (ack) => acks.push(shorten(ack)), lackMs: 500 }));
  await clock.run(600);
  assert.deepEqual(acks, ['local memory false', 'local memory', 'nobody Error: No ACK yet.']);
  await clock.run(10_000);
  assert.equal(acks[3], 'nobody Error: No ACK yet. true');
  assert.equal(acks.length, 4);
  await end();
});

test('asking says whether data came, nobody has any, or nobody answered', async () => {
  const { clock, peer, link: join, end } = world();
  const relay = peer({ relay: true });
  const leaf = peer();
  assert.equal(await clock.until(leaf.ask({ soul: 'a' })), 'silent', 'nobody to ask');
  const wire = join(leaf, relay);
  await clock.run(100);
  await clock.until(relay.put([write('a', 'x', 1, 1), write('ab', 'x', 2, 1)]));
  assert.equal(await clock.until(leaf.ask({ soul: 'a', key: 'x' })), 'answered');
  assert.equal(leaf.peek('a')?.value('x'), 1, 'merged before the answer is told');
  assert.equal(await clock.until(leaf.ask({ soul: 'none' })), 'absent');
  assert.equal(await clock.until(leaf.ask({ soul: { '*': 'a' } })), 'answered');
  assert.equal(leaf.peek('ab')?.value('x'), 2);
  wire.cut();
  handPlayedLeaf(clock, leaf.mesh, 'silent');
  assert.equal(await clock.until(leaf.ask({ soul: 'none' }, { waitMs: 50 })), 'silent');
  await end();
});

test('a leaf hears of what only a relay behind ours has, and of absence when all had their time', async () => {
  const { clock, peer, link: join, end } = world();
  const store = new MemoryStore();
  await store.write([write('a', 'x', 1, 1)]);
  const far = peer({ relay: true, store });
  const near = peer({ relay: true });
  const leaf = peer();
  const wire = join(near, far);
  join(leaf, near);
  await clock.run(200);
  assert.equal(near.peek('a'), undefined);
  assert.equal(await clock.until(leaf.ask({ soul: 'a' })), 'answered');
  assert.equal(near.peek('a')?.value('x'), 1);
  assert.equal(await clock.until(leaf.ask({ soul: 'none' })), 'absent');
  // A leaf of gun.js says nothing: who asks hears after a bounded wait, a short one where no relay is there to ask.
  const { heard } = handPlayedLeaf(clock, near.mesh, 'mute');
  const before = clock.monotonicMs();
  assert.equal(await clock.until(leaf.ask({ soul: 'nowhere' })), 'absent');
  const tookMs = clock.monotonicMs() - before;
  wire.cut();
  const alone = clock.monotonicMs();
  assert.equal(await clock.until(leaf.ask({ soul: 'nowhere else' })), 'absent');
  assert.ok(clock.monotonicMs() - alone < 250);
  assert.ok(heard.some(({ get }) => JSON.stringify(get) === '{"#":"nowhere"}'), 'other leaves are asked too');
  assert.ok(tookMs > 900 && tookMs < 1_200, `${tookMs}`);
  await end();
});

test('an interest is asked again of every peer that comes, until it is released as often as it was taken', async () => {
  const { clock, peer, link: join, end } = world();
  const relay = peer({ relay: true });
  const leaf = peer();
  const first = leaf.subscribe({ soul: 'a' });
  const second = leaf.subscribe({ soul: 'a' });
  assert.equal(leaf.stats().subscriptions, 1);
  await clock.until(relay.put([write('a', 'x', 1, 1)]));
  const wire = join(leaf, relay);
  await clock.run(200);
  assert.equal(leaf.peek('a')?.value('x'), 1);
  await clock.until(relay.put([write('a', 'x', 2, 2)]));
  await clock.run(200);
  assert.equal(leaf.peek('a')?.value('x'), 2, 'changes come by themselves');
  wire.cut();
  first();
  first();
  await clock.until(relay.put([write('a', 'x', 3, 3)]));
  const again = join(leaf, relay);
  await clock.run(200);
  assert.equal(leaf.peek('a')?.value('x'), 3);
  again.cut();
  second();
  assert.equal(leaf.stats().subscriptions, 0);
  await clock.until(relay.put([write('a', 'x', 4, 4)]));
  join(leaf, relay);
  await clock.run(200);
  assert.equal(leaf.peek('a')?.value('x'), 3);
  await end();
});

test('what the guard refuses is not merged, not relayed, not stored, and the sender hears why', async () => {
  const { clock, peer, end } = world();
  const guard = ({ soul, fields }: Delta): GuardVerdict =>
    soul.startsWith('~') ? { ok: false, err: 'Unverified data.', violation: 'signature' } : { ok: true, ...(soul === 'short' ? { delta: { soul, fields: fields.filter(({ key }) => key !== 'old') } } : {}) };
  const relay = peer({ relay: true, guard });
  const writer = handPlayedLeaf(clock, relay.mesh, 'writer');
  const reader = handPlayedLeaf(clock, relay.mesh, 'reader');
  await clock.run(100);
  for (const soul of ['~user', 'plain', 'short']) reader.say({ '#': `get ${soul}`, get: { '#': soul } });
  writer.say({ '#': 'bad', put: toWire([write('plain', 'x', 1, 1), write('~user', 'x', 1, 1)]) });
  writer.say({ '#': 'good', put: toWire([{ soul: 'short', fields: [{ key: 'old', value: 1, state: 1 }, { key: 'new', value: 2, state: 1 }] }]) });
  await clock.run(5_000);
  assert.equal(relay.peek('plain'), undefined, 'the message is refused as a whole');
  assert.deepEqual(relay.peek('short')?.keys(), ['new']);
  assert.deepEqual(writer.heard.filter((message) => message['@'] === 'bad').map(({ err, ok }) => [err, ok]), [['Unverified data.', undefined]]);
  assert.deepEqual(writer.heard.filter((message) => message['@'] === 'good').map(({ err, ok }) => [err, ok]), [[undefined, { memory: 1 }]]);
  assert.deepEqual(reader.heard.filter(({ put }) => put !== undefined).map(({ put }) => put), [{ short: { _: { '#': 'short', '>': { new: 1 } }, new: 2 } }]);
  assert.equal(relay.stats().mesh.violations.signature, 1);
  await assert.rejects(clock.until(relay.put([write('~user', 'x', 1, 1)])), (error) => isPangeaError(error, 'DENIED'));
  await end();
});

test('verdicts that take time keep the order of each soul, and hold up no other', async () => {
  const { clock, peer, end } = world();
  const waits = [50, 10, 0];
  const guard = ({ soul }: Delta): GuardVerdict | Promise<GuardVerdict> =>
    soul === 'slow' && waits.length > 0 ? clock.sleep(waits.shift() ?? 0).then(() => ({ ok: true })) : { ok: true };
  const relay = peer({ relay: true, guard });
  const order: string[] = [];
  relay.watchAll(({ soul, fields }) => order.push(`${soul} ${String(fields[0]?.value)}`));
  const leaf = handPlayedLeaf(clock, relay.mesh, 'leaf');
  await clock.run(100);
  for (let at = 0; at < 4; at++) leaf.say({ '#': `slow${at}`, put: toWire([write('slow', 'x', at, at)]) });
  leaf.say({ '#': 'quick', put: toWire([write('quick', 'x', 0, 1)]) });
  await clock.run(200);
  assert.deepEqual(order, ['quick 0', 'slow 0', 'slow 1', 'slow 2', 'slow 3']);
  await end();
});

test('a put for which there is no room before the guard is answered, not dropped in silence', async () => {
  const { clock, peer, end } = world();
  const relay = peer({ relay: true, limits: { guarded: 2 }, guard: async () => clock.sleep(50).then(() => ({ ok: true })) });
  const leaf = handPlayedLeaf(clock, relay.mesh, 'leaf');
  await clock.run(100);
  for (let at = 0; at < 3; at++) leaf.say({ '#': `put${at}`, put: toWire([write(`soul${at}`, 'x', at, 1)]) });
  await clock.run(200);
  const answers = leaf.heard.filter((message) => String(message['@']).startsWith('put')).map((message) => [message['@'], message['err']]);
  assert.deepEqual(answers.toSorted(), [['put0', undefined], ['put1', undefined], ['put2', 'Not stored: too busy.']]);
  await end();
});

test('who signs much is read as fast as it can be judged, and keeps nobody else waiting', async () => {
  const { clock, peer, end } = world();
  let judged = 0;
  const relay = peer({
    relay: true, limits: { guardedFields: 4, guardedFieldsPerPeer: 2 },
    guard: async () => {
      await clock.sleep(20);
      judged++;
      return { ok: true };
    },
  });
  const [eager, calm] = [handPlayedLeaf(clock, relay.mesh, 'eager'), handPlayedLeaf(clock, relay.mesh, 'calm')];
  await clock.run(100);
  eager.say(Array.from({ length: 40 }, (_, at) => ({ '#': `put${at}`, put: toWire([write(`soul${at}`, 'x', at, 1)]) })));
  await clock.run(100);
  calm.say({ '#': 'mine', put: toWire([write('calm', 'x', 1, 1)]) });
  await clock.run(200);
  assert.ok(calm.heard.some((message) => message['@'] === 'mine' && message['err'] === undefined));
  assert.ok(judged < 40, 'all of it was judged at once');
  await clock.run(5_000);
  const answers = eager.heard.filter((message) => String(message['@']).startsWith('put'));
  assert.deepEqual([answers.length, answers.filter(({ err }) => err !== undefined).length], [40, 0]);
  await end();
});

test('what others would refuse is not written here either', async () => {
  const { clock, peer, link: join, end } = world();
  const [one, other] = [peer({ relay: true }), peer({ relay: true })];
  join(one, other);
  await clock.run(100);
  const escapes = '\u0001'.repeat(600_000);
  for (const bad of [write('constructor', 'x', 1, 1), write('a', '__proto__', 1, 1), write('a'.repeat(5_000), 'x', 1, 1), write('', 'x', 1, 1), write('a', '_', 1, 1), write('a', 'x', escapes, 1), write('a', 'x', 1, Number.NaN)]) {
    await assert.rejects(clock.until(one.put([bad])), (error) => isPangeaError(error, 'GRAPH_INVALID'));
  }
  assert.equal(one.stats().outbox, 0);
  await clock.until(one.put([write('a', 'x', escapes.slice(0, 500_000), 1), write('a', 'y', 'x'.repeat(3_000_000), 1)]));
  await clock.run(2_000);
  assert.equal(other.peek('a')?.size, 2);
  assert.equal(one.digest(), other.digest());
  assert.deepEqual(other.stats().mesh.violations, {});
  await end();
});

test('an acknowledgement is sent when the store has it, and an error when it has not', async () => {
  const { clock, peer, end } = world();
  const store = new SlowStore(clock, seededRandom(1), 40);
  const relay = peer({ relay: true, store });
  const leaf = handPlayedLeaf(clock, relay.mesh, 'leaf');
  await clock.run(500);
  const stored: boolean[] = [];
  const inner = store.inner.write.bind(store.inner);
  store.inner.write = async (deltas) => {
    stored.push(leaf.heard.some((message) => message['@'] === 'one'));
    await inner(deltas);
  };
  leaf.say({ '#': 'one', put: toWire([write('a', 'x', 1, 1)]) });
  await clock.run(500);
  assert.deepEqual(stored, [false]);
  const answers = (id: string): unknown[] => leaf.heard.filter((message) => message['@'] === id).map(({ ok, err }) => ok ?? err);
  assert.deepEqual(answers('one'), [true]);
  store.failWrites = true;
  leaf.say({ '#': 'two', put: toWire([write('a', 'x', 2, 2)]) });
  await clock.run(90);
  assert.deepEqual(answers('two'), ['Not stored.']);
  leaf.say({ '#': 'two again', put: toWire([write('a', 'x', 2, 2)]) });
  await clock.run(500);
  assert.deepEqual(answers('two again'), ['Not stored.']);
  store.failWrites = false;
  await clock.run(60_000);
  leaf.say({ '#': 'two more', put: toWire([write('a', 'x', 2, 2)]) });
  await clock.run(500);
  assert.deepEqual(answers('two more'), [true]);
  await end();
});

test('a write of the near future is passed on and acknowledged in its time, one of the far future refused', async () => {
  const { clock, peer, end } = world();
  const relay = peer({ relay: true });
  const writer = handPlayedLeaf(clock, relay.mesh, 'writer');
  const reader = handPlayedLeaf(clock, relay.mesh, 'reader');
  await clock.run(100);
  reader.say({ '#': 'get', get: { '#': 'a' } });
  const now = clock.nowMs();
  writer.say({ '#': 'soon', put: toWire([write('a', 'x', 1, now + 500)]) });
  writer.say({ '#': 'never', put: toWire([write('a', 'y', 1, now + 1e9)]) });
  await clock.run(400);
  const answers = (id: string): unknown[] => writer.heard.filter((message) => message['@'] === id).map(({ ok, err }) => err ?? ok);
  assert.deepEqual(answers('soon'), []);
  assert.deepEqual(answers('never'), ['State too far in the future.']);
  assert.equal(relay.peek('a'), undefined);
  await clock.run(200);
  assert.deepEqual(answers('soon'), [{ memory: 1 }]);
  assert.equal(relay.peek('a')?.value('x'), 1);
  assert.equal(reader.heard.filter(({ put }) => put !== undefined).length, 1);
  assert.equal(relay.stats().mesh.violations['state-future'], 1);
  await end();
});

test('only what this process writes itself is given to the author', async () => {
  const { clock, peer, link: join, end } = world();
  const relay = peer({ relay: true });
  const leaf = peer();
  join(leaf, relay);
  await clock.run(100);
  const seen: string[] = [];
  for (const each of [relay, leaf]) {
    each.setAuthor(async (deltas) => {
      seen.push(`${each === relay ? 'relay' : 'leaf'} ${deltas[0]?.soul}`);
      return deltas.map(({ soul, fields }) => ({ soul, fields: fields.map((field) => ({ ...field, value: `signed ${String(field.value)}` })) }));
    });
  }
  const { accepted } = await clock.until(leaf.put([write('~me', 'x', 1, 1)]));
  assert.equal(accepted[0]?.fields[0]?.value, 'signed 1');
  await clock.run(500);
  assert.equal(relay.peek('~me')?.value('x'), 'signed 1');
  assert.deepEqual(seen, ['leaf ~me']);
  leaf.setAuthor(undefined);
  leaf.setAuthor(() => {
    throw new Error('no key');
  });
  await assert.rejects(clock.until(leaf.put([write('~me', 'x', 2, 2)])), /no key/);
  await end();
});

test('nothing is said where the store cannot be read, and a flood of questions over souls is bounded', async () => {
  const { clock, peer, end } = world();
  const store = new SlowStore(clock, seededRandom(1));
  await store.inner.write([write('a', 'x', 1, 1)]);
  const relay = peer({ relay: true, store, limits: { soulQuestions: 5 } });
  const leaf = handPlayedLeaf(clock, relay.mesh, 'leaf');
  await clock.run(500);
  const answers = (prefix: string): unknown[] => leaf.heard.filter((message) => String(message['@']).startsWith(prefix));
  store.failReads = true;
  leaf.say({ '#': 'unread', get: { '#': 'a' } });
  await clock.run(5_000);
  assert.deepEqual(answers('unread'), []);
  store.failReads = false;
  leaf.say({ '#': 'read', get: { '#': 'a' } });
  await clock.run(500);
  assert.equal(answers('read').length, 1);
  for (let at = 0; at < 20; at++) leaf.say({ '#': `lex${at}`, get: { '#': { '*': 'a' } } });
  await clock.run(5_000);
  assert.equal(answers('lex').length, 5);
  assert.equal(relay.stats().mesh.violations.backlog, 15);
  await end();
});

test('after close nothing is waited for and nothing of the peer runs', async () => {
  const { clock, peer, link: join } = world();
  const relay = peer({ relay: true });
  const leaf = peer({ store: new SlowStore(clock, seededRandom(1)) });
  join(leaf, relay);
  await clock.run(200);
  const asked = leaf.ask({ soul: 'none' });
  const stored = leaf.put([write('a', 'x', 1, 1)]);
  await clock.until(leaf.close());
  assert.equal(await asked, 'silent');
  assert.equal((await stored).stored, 'disk');
  await assert.rejects(leaf.put([write('a', 'x', 2, 2)]), (error) => isPangeaError(error, 'STORE_CLOSED'));
  await clock.until(relay.close());
  await clock.run(3_600_000);
  assert.equal(clock.pending, 0);
});

test('memory and disk answer ranges and whole nodes alike', async () => {
  const { clock, peer, link: join, end } = world();
  for (const store of [new MemoryStore(), new SlowStore(clock, seededRandom(1))]) {
    const relay = peer({ relay: true, store });
    const leaf = peer();
    join(leaf, relay);
    await clock.run(200);
    await clock.until(relay.put([{ soul: 'list', fields: Array.from({ length: 40 }, (_, at) => ({ key: `k${String(at).padStart(2, '0')}`, value: at, state: 1 })) }]));
    assert.equal(await clock.until(leaf.ask({ soul: 'list', key: { '*': 'k1' } })), 'answered');
    await clock.run(200);
    assert.deepEqual([...(leaf.peek('list')?.keys() ?? [])].sort(), Array.from({ length: 10 }, (_, at) => `k1${at}`));
    assert.equal(await clock.until(leaf.ask({ soul: 'list', key: { '*': 'z' } })), 'absent');
    await clock.until(leaf.ask({ soul: 'list' }));
    await clock.run(200);
    assert.equal(leaf.peek('list')?.size, 40);
  }
  await end();
});

test('who merely says that he is a relay does not keep a write from the one that was named', async () => {
  const { clock, peer, link: join, end } = world();
  const program = peer({ upstream: true });
  const stranger = peer({ relay: true });
  join(stranger, program);
  await clock.run(100);
  await clock.until(program.put([write('a', 'x', 1, program.nextState())]));
  await clock.run(1_000);
  assert.equal(stranger.peek('a')?.value('x'), 1);
  assert.equal(program.stats().outbox, 1);
  const named = peer({ relay: true });
  join(program, named);
  await clock.run(1_000);
  assert.equal(named.peek('a')?.value('x'), 1);
  assert.equal(program.stats().outbox, 0);
  await end();
});
