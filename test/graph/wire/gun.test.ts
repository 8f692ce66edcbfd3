/** Real gun.js, in processes of its own, through our relay, and ours as a client of its relay. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startGun, type GunProcess, type GunProcessOptions } from './gun-process.ts';
import { ourNode, until, type OurNode, type OurNodeOptions } from './our-node.ts';

const open: { close(): Promise<void> }[] = [];
after(() => Promise.all(open.map((each) => each.close())));

async function gun(options: GunProcessOptions): Promise<GunProcess> {
  const each = await startGun(options);
  open.push(each);
  await until('connected', async () => (await each.peers()) === (options.peers?.length ?? 0));
  return each;
}

async function ours(options: OurNodeOptions = {}): Promise<OurNode> {
  const each = await ourNode(options);
  open.push(each);
  return each;
}

const lastHeard = async (each: GunProcess, path: string): Promise<unknown> => (await each.heard()).filter((call) => call.path === path).at(-1)?.data;

test('clients of gun.js use our relay as one of their own', async () => {
  const relay = await ours();
  const [a, b] = await Promise.all([gun({ peers: [relay.url] }), gun({ peers: [relay.url] })]);
  await Promise.all([b.on(['mark', 'name']), b.map(['people'])]);
  assert.deepEqual(await a.put(['mark'], { name: 'Mark', age: 42 }), { ok: { memory: 1 } });
  assert.deepEqual(await a.put(['people', 'alice', 'home'], { city: 'Oslo' }), { ok: { memory: 1 } }, 'a nested put waits for a word on each soul of its way');
  assert.deepEqual(await a.put(['people', 'bob'], { n: 2 }), { ok: { memory: 1 } });
  await until('b hears', async () => (await lastHeard(b, 'mark/name')) === 'Mark' && (await b.heard()).filter(({ path }) => path === 'people').length >= 2);
  assert.equal(await b.once(['mark', 'age']), 42);
  assert.equal(await b.once(['people', 'alice', 'home', 'city']), 'Oslo');
  await a.put(['mark', 'name'], null);
  await until('b hears of the end', async () => (await lastHeard(b, 'mark/name')) === null);
  await relay.write('mark', { name: 'again' });
  await until('b hears what the relay itself writes', async () => (await lastHeard(b, 'mark/name')) === 'again');
  assert.deepEqual(relay.violations, []);
});

test('a node of many fields comes whole to gun.js, in pieces', async () => {
  const relay = await ours();
  await relay.write('big', Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`key${at}`, at])));
  const client = await gun({ peers: [relay.url] });
  await client.on(['big']);
  await until('all of it', async () => Object.keys((await client.graph(['big']))['big'] ?? {}).length === 1001);
});

test('what gun.js writes travels over two relays of ours, and back', async () => {
  const first = await ours();
  const second = await ours({ peers: [first.url] });
  const [a, b] = await Promise.all([gun({ peers: [first.url] }), gun({ peers: [second.url] })]);
  await b.on(['over', 'there']);
  await a.put(['over', 'there'], 'hello');
  await until('b hears', async () => (await lastHeard(b, 'over/there')) === 'hello');
  await b.put(['over', 'there'], 'and back');
  // It never asked for it. Who wrote a node hears of what others write there.
  await until('a hears', async () => (await a.graph(['over']))['over']?.['there'] === 'and back');
});

for (const axe of [false, true]) {
  test(`a node of ours is a peer of gun.js's own relay${axe ? ' with AXE' : ''}`, async () => {
    const relay = await gun({ listen: true, axe, store: axe });
    const [client, node] = [await gun({ peers: [relay.url] }), await ours({ peers: [relay.url] })];
    await until('ours is there', () => node.peer.mesh.peers().some(({ pid }) => pid !== ''));
    await client.put(['shared'], { from: 'gun' }, 0);
    await until('the relay has it', async () => (await node.peer.ask({ soul: 'shared' })) === 'answered');
    assert.equal((await node.node('shared'))?.value('from'), 'gun');
    node.peer.subscribe({ soul: 'shared' });
    await client.on(['shared', 'to']);
    await node.write('shared', { to: 'gun' });
    await until('the client hears ours', async () => (await lastHeard(client, 'shared/to')) === 'gun');
    await client.put(['shared', 'live'], 1, 0);
    await until('ours hears the client', async () => (await node.node('shared'))?.value('live') === 1);
    assert.deepEqual(node.violations, []);
  });
}

test('after a restart of our relay clients come back and all is as before', async () => {
  const first = await ourNode();
  const [a, b] = await Promise.all([gun({ peers: [first.url] }), gun({ peers: [first.url] })]);
  await b.on(['back', 'x']);
  await a.put(['back'], { x: 1 });
  await until('b hears', async () => (await lastHeard(b, 'back/x')) === 1);
  await first.close();
  await until('they are gone', async () => (await a.peers()) + (await b.peers()) === 0);
  await ours({ port: first.server.address.port });
  await until('they are back', async () => (await a.peers()) + (await b.peers()) === 2);
  await a.put(['back', 'x'], 2);
  await until('b hears', async () => (await lastHeard(b, 'back/x')) === 2);
});

test('our extensions are nothing to gun.js', async () => {
  const relay = await gun({ listen: true, axe: true });
  const node = await ours({ peers: [relay.url] });
  const client = await gun({ peers: [relay.url] });
  await until('ours is there', () => node.peer.mesh.peers().some(({ pid }) => pid !== ''));
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(relay.url.replace('http', 'ws'));
  await new Promise((resolve) => socket.once('open', resolve));
  for (const message of [{ dam: 'pangea', '#': 'e1', v: 'digest', b: { s: 1, r: '00' } }, { dam: '?', '#': 'e2', pid: 'x', pangea: { v: 1, relay: true } }]) socket.send(JSON.stringify(message));
  await client.put(['after'], { it: 'lives' }, 0);
  await until('the relay has it', async () => (await node.peer.ask({ soul: 'after' })) === 'answered');
  socket.terminate();
});
