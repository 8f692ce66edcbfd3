import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyFrom, emptyBody } from '../../src/body/body.ts';
import { isPangeaError, type ErrorCode } from '../../src/errors/errors.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { seededRandom, utf8 } from '../../src/std/std.ts';
import type { MemoryNetworkOptions } from '../../src/transport/memory.ts';
import { MemoryNetwork, type Hello, type Reply, type Request, type Transport } from '../../src/transport/transport.ts';
import { VirtualClock } from './clock.ts';
import { simulatedPeerId } from './peer-ids.ts';

const hello = (label: number): Hello => ({
  label, version: '1', quicAddresses: [], multiaddrs: [], certificate: new Uint8Array(0), storing: true, freeBytes: 1, failureDomain: '',
});
const get: Extract<Request, { type: 'get' }> = {
  type: 'get', object: new Uint8Array(32), kind: 0, stripe: 1, row: 2, offset: 3, length: 0,
};

class World {
  readonly clock = new VirtualClock();
  readonly random = seededRandom(7);
  readonly network: MemoryNetwork;
  readonly served: string[] = [];

  constructor(options: Partial<MemoryNetworkOptions> = {}) {
    this.network = new MemoryNetwork({ clock: this.clock, random: this.random, latencyMs: 10, ...options });
  }

  async peer(label: number, admits = true): Promise<Transport> {
    const transport = this.network.transport(simulatedPeerId(this.random), { hello: () => hello(label), onHello: () => admits });
    await transport.listen(async (peer, request, body) => {
      this.served.push(`${peer === transport.localPeer} ${request.type}`);
      if (request.type === 'ping') {
        await this.clock.sleep(1_000);
        return { status: 0, answer: {}, body: emptyBody };
      }
      if (request.type !== 'get') return { status: 1, message: `${body.byteLength} bytes` };
      return { status: 0, answer: { totalBytes: 5 }, body: bodyFrom(utf8('hello')) };
    });
    return transport;
  }

  async fails(promise: Promise<unknown>, code: ErrorCode): Promise<number> {
    const startMs = this.clock.monotonicMs();
    await assert.rejects(this.clock.until(promise), (error) => isPangeaError(error, code));
    return this.clock.monotonicMs() - startMs;
  }
}

test('a request passes the codecs and takes round trips of time', async () => {
  const world = new World();
  const [a, b] = [await world.peer(1), await world.peer(2)];
  const reply = await world.clock.until(a.request(b.localPeer, get));
  assert.equal(reply.status, 0);
  assert.deepEqual((reply as Extract<Reply<'get'>, { status: 0 }>).body.bytes(), utf8('hello'));
  const tookMs = world.clock.monotonicMs();
  assert.ok(tookMs >= 18 && tookMs <= 66, `${tookMs} ms for a dial and a request`);
  assert.deepEqual(a.connectedPeers(), [b.localPeer]);
  assert.deepEqual(b.connectedPeers(), [a.localPeer]);
  const refused = await world.clock.until(b.request(a.localPeer, { type: 'delete', root: new Uint8Array(32), secret: new Uint8Array(32) }, { body: bodyFrom(utf8('xyz')) }));
  assert.deepEqual(refused, { status: 1, message: '3 bytes' });
});

test('a struct that does not fit the wire never leaves', async () => {
  const world = new World();
  const [a, b] = [await world.peer(1), await world.peer(2)];
  await assert.rejects(a.request(b.localPeer, { ...get, object: new Uint8Array(31) }));
  await assert.rejects(a.request(b.localPeer, get, { body: bodyFrom(new Uint8Array(16 * 1024 * 1024 + 1)) }), (error) => isPangeaError(error, 'PROTOCOL'));
  assert.deepEqual(world.served, []);
});

test('loss is a timeout of the caller', async () => {
  const world = new World();
  const [a, b] = [await world.peer(1), await world.peer(2)];
  await world.clock.until(a.request(b.localPeer, get));
  world.network.setLossRate(1);
  assert.equal(await world.fails(a.request(b.localPeer, get, { timeoutMs: 700 }), 'TIMEOUT'), 700);
});

test('dialling a crashed, unknown or refusing peer is PEER_UNREACHABLE or PEER_REFUSED', async () => {
  const world = new World();
  const [a, b, c] = [await world.peer(1), await world.peer(2), await world.peer(3, false)];
  world.network.crash(b.localPeer);
  assert.equal(await world.fails(a.request(b.localPeer, get), 'PEER_UNREACHABLE'), 3_000);
  await world.fails(a.request(simulatedPeerId(world.random), get), 'PEER_UNREACHABLE');
  await world.fails(a.request(c.localPeer, get), 'PEER_REFUSED');
  world.network.restart(b.localPeer);
  assert.equal((await world.clock.until(a.request(b.localPeer, get))).status, 0);
});

test('a crash freezes the peer and is noticed by the others after the idle timeout', async () => {
  const world = new World();
  const [a, b] = [await world.peer(1), await world.peer(2)];
  const gone: PeerId[] = [];
  a.on({ disconnected: (peer) => gone.push(peer) });
  await world.clock.until(b.request(a.localPeer, get));
  let settled = false;
  void b.request(a.localPeer, get).finally(() => (settled = true));
  const pending = a.request(b.localPeer, get, { timeoutMs: 60_000 });
  world.network.crash(b.localPeer);
  const tookMs = await world.fails(pending, 'PEER_UNREACHABLE');
  assert.equal(tookMs, 10_000);
  assert.deepEqual(gone, [b.localPeer]);
  await world.clock.run(120_000);
  assert.equal(settled, false);
});

test('a partition shorter than the idle timeout keeps the connection', async () => {
  const world = new World();
  const [a, b] = [await world.peer(1), await world.peer(2)];
  await world.clock.until(a.request(b.localPeer, get));
  world.network.partition([[a.localPeer]]);
  await world.fails(a.request(b.localPeer, get, { timeoutMs: 2_000 }), 'TIMEOUT');
  world.network.heal();
  await world.clock.run(20_000);
  assert.deepEqual(a.connectedPeers(), [b.localPeer]);
  world.network.partition([[a.localPeer]]);
  await world.clock.run(10_001);
  assert.deepEqual([...a.connectedPeers(), ...b.connectedPeers()], []);
});

test('a corrupt peer flips a byte of what it returns', async () => {
  const world = new World();
  const [a, b] = [await world.peer(1), await world.peer(2)];
  world.network.corrupt(b.localPeer, 1);
  const reply = (await world.clock.until(a.request(b.localPeer, get))) as Extract<Reply<'get'>, { status: 0 }>;
  assert.equal(reply.body.byteLength, 5);
  assert.notDeepEqual(reply.body.bytes(), utf8('hello'));
});

test('an abort rejects at once, more requests than the limit are answered busy', async () => {
  const world = new World();
  const [a, b] = [await world.peer(1), await world.peer(2)];
  const abort = new AbortController();
  const pending = a.request(b.localPeer, get, { signal: abort.signal });
  abort.abort();
  assert.equal(await world.fails(pending, 'ABORTED'), 0);
  const replies = await world.clock.until(Promise.all(Array.from({ length: 300 }, () => a.request(b.localPeer, { type: 'ping' }))));
  assert.equal(replies.filter((reply) => reply.status === 5).length, 300 - 256);
});

test('close lets what is under way finish', async () => {
  const world = new World();
  const [a, b] = [await world.peer(1), await world.peer(2)];
  await world.clock.until(a.connect(b.addresses()[0] as string));
  const pending = a.request(b.localPeer, { type: 'ping' });
  await world.clock.run(100);
  await world.clock.until(b.close(5_000));
  assert.equal((await world.clock.until(pending)).status, 0);
  assert.ok(world.clock.monotonicMs() < 5_000);
  await world.fails(a.request(b.localPeer, get), 'PEER_UNREACHABLE');
});
