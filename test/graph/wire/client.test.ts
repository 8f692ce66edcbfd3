import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { browserSocket } from '../../../src/graph/wire/browser-socket.ts';
import { graphUrl, keepConnected, type Socket, type SocketEvents } from '../../../src/graph/wire/client.ts';
import { isPangeaError } from '../../../src/errors/errors.ts';
import { seededRandom, systemClock } from '../../../src/std/std.ts';
import { ManualClock } from '../../peers/manual-clock.ts';
import { plainPeer } from '../dam/plain-peer.ts';
import { ourNode, until } from './our-node.ts';

test('URLs of peers as gun.js takes them', () => {
  assert.equal(graphUrl('http://a.example/gun'), 'ws://a.example/gun');
  assert.equal(graphUrl('https://a.example:8765'), 'wss://a.example:8765/gun');
  assert.equal(graphUrl('ws://[::1]:1/other?x=1'), 'ws://[::1]:1/other?x=1');
  for (const bad of ['', 'a.example', 'ftp://a.example/gun', 'http://']) assert.throws(() => graphUrl(bad), (error) => isPangeaError(error, 'ADDRESS_INVALID'));
});

interface Dial { readonly atMs: number; readonly events: SocketEvents; closed: boolean }

function scripted(t: TestContext): { clock: ManualClock; dials: Dial[]; client: ReturnType<typeof keepConnected>; sent: string[] } {
  const clock = new ManualClock();
  const dials: Dial[] = [];
  const sent: string[] = [];
  const { mesh } = plainPeer({ clock, pid: 'me' });
  const socket = (_url: string, events: SocketEvents): Socket => {
    const dial: Dial = { atMs: clock.monotonicMs(), events, closed: false };
    dials.push(dial);
    return { send: (text) => sent.push(text), buffered: () => 0, close: () => {
      if (dial.closed) return;
      dial.closed = true;
      events.closed();
    } };
  };
  const client = keepConnected('ws://there/gun', mesh, { clock, random: seededRandom(1), socket, backoff: { firstMs: 100, lastMs: 1000, stableMs: 5000, pooledMs: 20_000 } });
  t.after(() => {
    client.close();
    mesh.close();
  });
  return { clock, dials, client, sent };
}

test('waits double up to the last, with jitter, and start again after a connection that lasted', async (t) => {
  const { clock, dials, client } = scripted(t);
  const waits: number[] = [];
  for (let at = 0; at < 8; at++) {
    dials.at(-1)?.events.closed();
    const fromMs = clock.monotonicMs();
    for (let step = 0; dials.length === at + 1 && step < 200; step++) await clock.advance(10);
    waits.push((dials.at(-1) as Dial).atMs - fromMs);
  }
  for (const [at, waitMs] of waits.entries()) {
    const fullMs = Math.min(1000, 100 * 2 ** at);
    assert.ok(waitMs >= fullMs / 2 && waitMs <= fullMs, `${waitMs} of ${fullMs}`);
  }
  assert.ok(new Set(waits.map((waitMs, at) => waitMs / Math.min(1000, 100 * 2 ** at))).size > 4, 'no jitter');
  dials.at(-1)?.events.open();
  assert.equal(client.state, 'open');
  await clock.advance(6000);
  dials.at(-1)?.events.closed();
  const count = dials.length;
  await clock.advance(100);
  assert.equal(dials.length, count + 1);
  client.close();
  await clock.advance(60_000);
  assert.equal(dials.length, count + 1);
  assert.equal(client.state, 'closed');
});

test('a wire on which nothing is heard is given up; one that never opens too', async (t) => {
  const { clock, dials } = scripted(t);
  await clock.advance(10_100);
  assert.equal(dials[0]?.closed, true);
  await until('the second', () => dials.length === 2);
  dials[1]?.events.open();
  for (let at = 0; at < 10; at++) {
    await clock.advance(20_000);
    dials[1]?.events.text('[]');
  }
  assert.equal(dials[1]?.closed, false);
  await clock.advance(66_000);
  assert.equal(dials[1]?.closed, true);
});

test('a URL that leads to ourselves is left for good, one to a peer that we have is tried seldom', async (t) => {
  const self = scripted(t);
  self.dials[0]?.events.open();
  self.dials[0]?.events.text('{"dam":"?","pid":"me","#":"1"}');
  await self.clock.advance(100_000);
  assert.deepEqual([self.client.state, self.dials.length], ['self', 1]);
});

test('with the socket of browsers, and a relay that dies and comes back', async (t) => {
  const first = await ourNode();
  t.after(() => first.close());
  const port = first.server.address.port;
  const client = plainPeer({ relay: false, seed: 9 });
  const held = keepConnected(first.url, client.mesh, { clock: systemClock, random: seededRandom(3), socket: browserSocket, backoff: { firstMs: 20, lastMs: 100 } });
  t.after(async () => {
    held.close();
    await client.close();
  });
  await until('connected', () => client.peers.length === 1);
  await until('known as a leaf', () => first.peer.mesh.peers()[0]?.relay === false);
  client.write('n', { v: 1 });
  await until('stored there', async () => (await first.node('n'))?.value('v') === 1);
  await first.close();
  await until('gone', () => client.peers.length === 0);
  const second = await ourNode({ port });
  t.after(() => second.close());
  await until('connected', () => client.peers.length === 1);
  client.write('n', { v: 2 });
  await until('stored there', async () => (await second.node('n'))?.value('v') === 2);
});
