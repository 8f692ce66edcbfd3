/** People: accounts, logins, and what a logged-in peer signs and what it does not. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { systemClock } from '../../../src/std/std.ts';
import { openGraph, type OpenOptions, type Graph } from '../../../src/graph/open.ts';
import { generatePair, type Pair, readPacked, Session, webSessionStore } from '../../../src/graph/sea/sea.ts';
import type { Acknowledged } from '../../../src/graph/sea/user.ts';
import { nodeSocket } from '../../../src/graph/wire/node-socket.ts';
import { startRelay, until } from './relay.ts';

const open: { close(): Promise<void> }[] = [];
after(async () => {
  for (const each of open.toReversed()) await each.close();
});
const graph = (options: OpenOptions = {}): Graph<any> => {
  const made = openGraph({ socket: nodeSocket(), ...options });
  open.push(made);
  return made;
};
const relay = async (options?: { readonly guarded?: boolean }): ReturnType<typeof startRelay> => {
  const made = await startRelay(options);
  open.push(made);
  return made;
};
const answer = (run: (cb: (ack: Acknowledged) => void) => unknown): Promise<Acknowledged> => new Promise((resolve) => run(resolve));
const password = 'correct horse';

describe('a session', () => {
  test('creates, leaves, comes back by alias, key or pair, and by nothing else', async () => {
    const { session } = graph();
    const who = await session.create('alice', password);
    assert.deepEqual(session.is, who);
    const pair = session.pair;
    assert.ok(pair);
    session.leave();
    assert.equal(session.is, undefined);
    assert.equal(session.pair, undefined);
    assert.deepEqual(await session.auth('alice', password), who);
    assert.deepEqual(session.pair, pair);
    session.leave();
    assert.deepEqual(await session.auth({ pub: who.pub }, password), who);
    assert.equal(session.use(pair).pub, who.pub);
    session.leave();
    for (const [name, secret] of [['alice', 'wrong horse'], ['nobody', password], [`@${'x'.repeat(20)}`, password]] as const) {
      await assert.rejects(session.auth(name, secret), { code: 'WRONG_KEY', message: 'Wrong user or password.' });
    }
    assert.throws(() => session.use({ ...pair, priv: 'short' }), { code: 'NO_KEY' });
    assert.equal(session.is, undefined);
  });

  test('refuses short passwords, names in use and two calls at once', async () => {
    const { session } = graph();
    await assert.rejects(session.create('alice', 'short'), { code: 'DENIED', message: 'Password too short!' });
    await assert.rejects(session.create('', password), { message: 'No user.' });
    const [first, second] = await Promise.allSettled([session.create('alice', password), session.create('bob', password)]);
    assert.equal(first.status, 'fulfilled');
    assert.equal(second.status === 'rejected' && (second.reason as { code: string }).code, 'TOO_MANY');
    await assert.rejects(session.create('alice', password), { message: 'User already created!' });
    const other = await session.create('alice', 'another password', { already: true });
    assert.notEqual(other.pub, first.status === 'fulfilled' && first.value.pub);
    session.leave();
    assert.equal((await session.auth('alice', password)).pub, first.status === 'fulfilled' && first.value.pub);
  });

  test('changes the password: the old one opens nothing', async () => {
    const { session } = graph();
    const who = await session.create('alice', password);
    await assert.rejects(session.auth('alice', password, { change: 'short' }), { message: 'Password too short!' });
    await session.auth('alice', password, { change: 'battery staple' });
    session.leave();
    await assert.rejects(session.auth('alice', password), { code: 'WRONG_KEY' });
    assert.deepEqual(await session.auth('alice', 'battery staple'), who);
  });

  test('is recalled from where it is kept, in the names of gun.js', async () => {
    const kept = new Map<string, string>();
    const store = webSessionStore({ getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) });
    const first = graph({ sea: { session: store } });
    const pair = await generatePair();
    first.session.use(pair);
    assert.equal(kept.size, 0);
    assert.equal(first.session.recall(), undefined);
    first.session.use(pair);
    assert.deepEqual(JSON.parse(kept.get('pair') ?? ''), pair);
    const second = graph({ sea: { session: store } });
    assert.equal(second.session.recall()?.pub, pair.pub);
    second.session.leave();
    assert.equal(kept.size, 0);
    const who = await first.session.create('alice', password);
    const third = graph({ sea: { session: store } });
    assert.deepEqual(third.session.recall(), who, 'with the name of the account');
    assert.deepEqual(third.session.pair, first.session.pair);
    kept.set('pair', JSON.stringify(first.session.pair));
    assert.deepEqual(first.session.recall(), who, 'kept by gun.js, which keeps no name');
    kept.set('pair', '{"pub":"x"}');
    assert.equal(second.session.recall(), undefined);
  });

  test('a login whose first write fails is none', async () => {
    const { session, peer } = graph();
    const who = await session.create('alice', password);
    session.leave();
    const put = (): Promise<never> => Promise.reject(new Error('full'));
    const failing = new Proxy(peer, { get: (_, name) => (name === 'put' ? put : typeof peer[name as 'load'] === 'function' ? peer[name as 'load'].bind(peer) : peer[name as 'load']) });
    const other = new Session({ peer: failing, clock: systemClock });
    await assert.rejects(other.create('bob', password), { message: 'full' });
    assert.equal(other.is, undefined);
    await assert.rejects(other.auth({ pub: who.pub }, password, { change: 'battery staple' }), { message: 'full' });
    assert.equal(other.is, undefined);
    assert.equal(other.pair, undefined);
  });

  test('tells of logins, and removes an account', async () => {
    const { session, peer } = graph();
    const heard: (string | undefined)[] = [];
    const release = session.onChange((who) => heard.push(who?.alias));
    const { pub } = await session.create('alice', password);
    await session.auth('alice', password);
    await session.remove();
    release();
    session.use(await generatePair());
    assert.deepEqual(heard, ['alice', 'alice', undefined]);
    assert.equal(readPacked(peer.peek(`~${pub}`)?.value('auth'))?.value, null);
    session.leave();
    await assert.rejects(session.auth('alice', password), { code: 'WRONG_KEY' });
  });
});

describe('GUN\'s words', () => {
  test('create, auth, leave with callbacks anywhere', async () => {
    const root = graph();
    const user = root.user();
    const created = await answer((cb) => user.create('carl', password, cb));
    assert.deepEqual(Object.keys(created), ['ok', 'pub']);
    assert.equal(created.ok, 0);
    assert.equal(user.is?.pub, created.pub);
    user.leave();
    assert.equal(user.is, undefined);
    assert.deepEqual(await answer((cb) => user.auth('carl', 'wrong horse', cb)), { err: 'Wrong user or password.' });
    assert.deepEqual(await answer((cb) => user.create('carl', password, cb)), { err: 'User already created!' });
    const entered = await answer((cb) => user.auth({ pub: created.pub }, password, cb));
    assert.equal(entered.soul, `~${created.pub}`);
    assert.equal(entered.is?.alias, 'carl');
    const pair = user.pair();
    assert.equal(pair.pub, created.pub);
    user.leave();
    assert.equal(pair.priv, undefined);
    const own = await generatePair();
    assert.equal((await answer((cb) => user.auth(own, cb))).sea?.pub, own.pub);
  });

  test('a creation with a callback tells nobody: programs log in there', async () => {
    const root = graph();
    const user = root.user();
    let logins = 0;
    root.session.onChange((who) => (logins += who ? 1 : 0));
    await answer((cb) => user.create('finn', password, cb));
    assert.equal(logins, 0);
    await answer((cb) => user.auth('finn', password, cb));
    assert.equal(logins, 1);
    user.leave();
    user.create('gina', password);
    await until(() => logins === 2, 'the login without a callback');
    assert.equal(user.is?.alias, 'gina');
  });

  test('writes below the user are signed, and read as they were written', async () => {
    const root = graph();
    const user = root.user();
    const { pub } = await root.session.create('dora', password);
    await user.get('profile').put({ name: 'Dora', friend: { name: 'Carl' }, note: '{"json":"text"}' });
    const soul = `~${pub}/profile`;
    assert.equal(readPacked(root.peer.peek(soul)?.value('name'))?.value, 'Dora');
    assert.equal(await user.get('profile').get('note').once(), '{"json":"text"}');
    assert.equal(await root.get(`~${pub}`).get('profile').get('friend').get('name').once(), 'Carl');
    root.session.leave();
    await assert.rejects(Promise.resolve(root.get(soul).get('name').put('Eve')), { message: 'Unverified data.' });
    await assert.rejects(Promise.resolve(user.get('name').put('Eve')), { message: 'Unverified data.' });
    assert.equal(await root.get(soul).get('name').once(), 'Dora');
  });

  test('what was just put is read, whatever the soul of the owner looks like', async () => {
    const root = graph();
    const { pub } = await root.session.create('jane', password);
    const room = root.get(`room~${pub}`);
    room.get('name').put('hall');
    assert.equal(await room.get('name').once({ wait: 0 }), 'hall');
    assert.ok(readPacked(root.peer.peek(`room~${pub}`)?.value('name')));
  });

  test('items of a user\'s set are signed, also where a link leads there, and in sets of nobody they are nobody\'s', async () => {
    const root = graph();
    const { pub } = await root.session.create('hugo', password);
    await root.get('app').get('me').put(root.user().get('profile'));
    const item = root.get('app').get('me').get('notes').set({ text: 'mine' });
    const { soul, key } = await item;
    assert.equal(soul, `~${pub}/profile/notes`);
    assert.ok(key?.startsWith(`~${pub}/`), key);
    assert.equal(await item.get('text').once(), 'mine');
    await root.user().get('list').set({ text: 'mine too' });
    const shared = await root.get('shared').set({ text: 'ours' });
    assert.equal(shared.key?.includes('~'), false);
    root.session.leave();
    await assert.rejects(Promise.resolve(root.get(key ?? '').get('text').put('Eve')), { message: 'Unverified data.' });
    await root.get(shared.key ?? '').get('text').put('changed by anybody');
  });

  test('a certificate for a deep path is enough, as links on the way are there; and items stay the writer\'s', async () => {
    const root = graph();
    const { pub } = await root.session.create('ida', password);
    await root.user().get('inbox').get('bob').put({ made: true });
    const certificate = await root.sea.certify('*', { '*': 'inbox/bob' }, root.session.pair as Pair);
    const bob = await generatePair();
    root.session.use(bob);
    const opt = { opt: { cert: certificate } };
    const box = root.user(pub).get('inbox').get('bob');
    await box.get('hello').put('from bob', undefined, opt);
    assert.equal(await box.get('hello').once(), 'from bob');
    await assert.rejects(Promise.resolve(root.user(pub).put({ inbox: { '#': `~${pub}/inbox` } }, undefined, opt)), { message: 'Certificate verification fail.' });
    const { key } = await box.get('list').set({ text: 'by bob' }, undefined, opt);
    assert.ok(key?.startsWith(`~${bob.pub}/`), key);
    await assert.rejects(Promise.resolve(root.user(pub).get('inbox').get('carl').get('x').put(1, undefined, opt)), { message: 'Certificate verification fail.' });
    await assert.rejects(Promise.resolve(root.user(pub).put({ inbox: { '#': `~${bob.pub}` } }, undefined, opt)), { message: 'Certificate verification fail.' });
  });

  test('with a certificate others write where it says', async () => {
    const root = graph();
    const [alice, bob] = await Promise.all([generatePair(), generatePair()]);
    const certificate = await root.sea.certify(bob, { '*': 'inbox' }, alice);
    root.session.use(bob);
    const opt = { opt: { cert: certificate } };
    const put = (path: string): Promise<unknown> => Promise.resolve(root.get(`~${alice.pub}/${path}`).get('hello').put('from bob', undefined, opt));
    await put('inbox');
    assert.equal(await root.get(`~${alice.pub}/inbox`).get('hello').once(), 'from bob');
    await assert.rejects(put('private'), { message: 'Certificate verification fail.' });
  });
});

describe('over a mesh', () => {
  test('who was created on one peer logs in on another', async () => {
    const { url } = await relay();
    const [here, there] = [graph({ peers: [url] }), graph({ peers: [url] })];
    const who = await here.session.create('walter', password);
    await here.user().get('profile').put({ name: 'Walter' });
    assert.deepEqual(await there.session.auth('walter', password), who);
    assert.equal(await there.user().get('profile').get('name').once(), 'Walter');
    await assert.rejects(there.session.create('walter', password), { message: 'User already created!' });
  });

  test('accounts that nobody has, added to an alias, keep nobody out', async () => {
    const { url, peer } = await relay();
    const [here, there] = [graph({ peers: [url] }), graph({ peers: [url] })];
    const who = await here.session.create('xenia', password);
    const fake = await Promise.all(Array.from({ length: 300 }, async () => `~${(await generatePair()).pub}`));
    await peer.put([{ soul: '~@xenia', fields: fake.map((soul) => ({ key: soul, value: { '#': soul }, state: 1 })) }]);
    assert.deepEqual(await there.session.auth('xenia', password), who);
  });

  test('nothing that comes in is signed: the forged write is refused while the victim is logged in', async () => {
    const evil = await relay({ guarded: false });
    const victim = graph({ peers: [evil.url] });
    const { pub } = await victim.session.create('victim', password);
    await victim.user().get('name').put('honest');
    const soul = `~${pub}`;
    await until(() => evil.peer.peek(soul)?.has('name') === true, 'the honest name');
    const before = victim.peer.peek(soul)?.value('name');
    await victim.peer.ask({ soul }, { waitMs: 1_000 });
    const state = systemClock.nowMs();
    await evil.peer.put([{ soul, fields: [{ key: 'name', value: 'forged', state }, { key: 'extra', value: 'forged', state }] }]);
    await until(() => (victim.peer.stats().mesh.violations.signature ?? 0) > 0, 'the refusal');
    assert.equal(victim.peer.peek(soul)?.value('name'), before);
    assert.equal(victim.peer.peek(soul)?.has('extra'), false);
    assert.equal(await victim.user().get('name').once(), 'honest');
  });
});
