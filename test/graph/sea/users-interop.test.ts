/** People of gun.js and ours in one graph, over a relay of ours that checks everything. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Graph, openGraph } from '../../../src/graph/open.ts';
import { generatePair, type Identity, readPacked } from '../../../src/graph/sea/sea.ts';
import { nodeSocket } from '../../../src/graph/wire/node-socket.ts';
import { type GunChild, startGun } from './gun-child.ts';
import { type Relay, startRelay, until } from './relay.ts';

const password = 'correct horse';
let relay: Relay;
let gun: GunChild;
let ours: Graph<any>;
before(async () => {
  relay = await startRelay();
  gun = startGun('native', relay.url);
  ours = openGraph({ peers: [relay.url], socket: nodeSocket() });
});
after(async () => {
  await gun.close();
  await ours.close();
  await relay.close();
});

test('who signed up with gun.js logs in here, and reads and writes what is theirs', async () => {
  const created = await gun.call<{ readonly ok: number; readonly pub: string }>('create', 'grace', password);
  assert.equal(created.ok, 0);
  await gun.call('auth', 'grace', password);
  assert.deepEqual(await gun.call('write', null, ['profile', 'name'], 'Grace'), {});
  await until(() => relay.peer.peek(`~${created.pub}/profile`)?.has('name') === true, 'the name');
  const who = await ours.session.auth('grace', password);
  assert.equal(who.pub, created.pub);
  assert.equal(await ours.user().get('profile').get('name').once(), 'Grace');
  await ours.user().get('profile').get('motto').put('written with Pangea');
  await until(() => relay.peer.peek(`~${created.pub}/profile`)?.has('motto') === true, 'the motto');
  assert.equal(await gun.call('read', [`~${created.pub}`, 'profile', 'motto']), 'written with Pangea');
  ours.session.leave();
  await gun.call('leave');
});

test('who signed up here logs in with gun.js, and with no other password', async () => {
  const who = await ours.session.create('heidi', password);
  await ours.user().get('profile').put({ name: 'Heidi' });
  await until(() => relay.peer.peek(`~${who.pub}/profile`)?.has('name') === true, 'the name');
  assert.equal((await gun.call<{ readonly err?: string }>('auth', 'heidi', 'wrong horse')).err, 'Wrong user or password.');
  const entered = await gun.call<{ readonly err?: string; readonly is?: Identity }>('auth', 'heidi', password);
  assert.equal(entered.err, undefined);
  assert.equal(entered.is?.pub, who.pub);
  assert.equal(await gun.call('read', [`~${who.pub}`, 'profile', 'name']), 'Heidi');
  await gun.call('write', null, ['profile', 'city'], 'Bern');
  await until(async () => (await ours.user().get('profile').get('city').once()) === 'Bern', 'the city');
  ours.session.leave();
  await gun.call('leave');
});

test('certificates made here work for writers with gun.js, and the reverse', async () => {
  const [alice, bob] = await Promise.all([generatePair(), generatePair()]);
  const inbox = `~${alice.pub}/inbox`;
  await gun.call('use', bob);
  const forBob = await ours.sea.certify(bob, { '*': 'inbox' }, alice);
  assert.deepEqual(await gun.call('write', inbox, ['a'], 'from bob', { opt: { cert: forBob } }), {});
  await until(() => readPacked(relay.peer.peek(inbox)?.value('a'))?.writer === bob.pub, 'the certified write');
  assert.equal(await ours.get(inbox).get('a').once(), 'from bob');

  ours.session.use(bob);
  const theirs = await gun.call('certify', bob.pub, { '*': 'inbox' }, alice);
  await ours.get(inbox).get('b').put('again', undefined, { opt: { cert: theirs } });
  await until(() => relay.peer.peek(inbox)?.has('b') === true, 'the second certified write');
  assert.equal(await gun.call('read', [inbox, 'b']), 'again');
  ours.session.leave();
  await gun.call('leave');
});
