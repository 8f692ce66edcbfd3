/** What every pair of hosts must do, whoever made the two ends. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { after, describe, test } from 'node:test';

import { bodyFrom } from '../../src/body/body.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import type { Host, HostOptions, HostPeer, HostStream } from '../../src/host/host.ts';
import { systemClock } from '../../src/std/std.ts';
import { checkMessages } from './host-messages.ts';

export interface HostPair {
  /** Makes the end that dials. */
  readonly first: (options?: Partial<HostOptions>) => Promise<Host>;
  /** Makes the end that is dialled. */
  readonly second: (options?: Partial<HostOptions>) => Promise<Host>;
  /** What the two meet over; TCP unless told. */
  readonly transport?: 'tcp' | 'quic';
  /** `counted`: whom the gate turns away is not told, since it sees nothing but a datagram of an unknown protocol. */
  readonly refusals?: 'told' | 'counted';
}

const echo = '/pangea/test-echo/1.0.0';
const timeout = 60_000;
const mib = 1024 * 1024;

export function describeHosts(name: string, pair: HostPair, skip: string | false = false): void {
  describe(`host: ${name}`, { skip, timeout: 10 * timeout }, () => {
    const quic = pair.transport === 'quic';
    const open: Host[] = [];
    const first = async (options?: Partial<HostOptions>): Promise<Host> => keep(await pair.first(options));
    const second = async (options?: Partial<HostOptions>): Promise<Host> => keep(await pair.second(options));
    const keep = (host: Host): Host => {
      open.push(host);
      return host;
    };
    const close = async (): Promise<void> => {
      await Promise.all(open.splice(0).map((host) => host.close()));
    };
    after(close);

    const check = (title: string, run: () => Promise<void>): void => {
      test(title, { timeout }, async () => {
        try {
          await run();
        } finally {
          await close();
        }
      });
    };

    check('the same seed gives the same PeerId, and addresses carry it with the real port', async () => {
      const seed = new Uint8Array(32).fill(7);
      const [a, b] = [await first({ seed }), await second({ seed })];
      assert.equal(a.peerId, b.peerId);
      assert.match(a.peerId, /^12D3KooW/);
      for (const host of [a, b]) {
        const [address] = host.multiaddrs();
        const port = quic ? 'udp/[1-9]\\d*/quic-v1' : 'tcp/[1-9]\\d*';
        assert.match(address ?? '', new RegExp(`^/ip4/127\\.0\\.0\\.1/${port}/p2p/${host.peerId}$`));
      }
    });

    check('dial connects both ends and tells both', async () => {
      const [a, b] = [await first(), await second()];
      const seen: string[] = [];
      a.on({ connected: (peer) => void seen.push(`a+${peer}`), disconnected: (peer) => void seen.push(`a-${peer}`) });
      b.on({ connected: (peer, remote) => void seen.push(`b+${peer} ${remote.startsWith(`/ip4/127.0.0.1/${quic ? 'udp' : 'tcp'}/`)}`) });
      assert.equal(await a.dial(addressOf(b)), b.peerId);
      await until(() => b.connectedPeers().includes(a.peerId), 'the dialled end knows the dialler');
      assert.deepEqual(a.connectedPeers(), [b.peerId]);
      await a.disconnect(b.peerId);
      await until(() => a.connectedPeers().length === 0 && b.connectedPeers().length === 0, 'both ends are disconnected');
      await until(() => seen.length === 3, 'three events');
      assert.deepEqual(seen.toSorted(), [`a+${b.peerId}`, `a-${b.peerId}`, `b+${a.peerId} true`].toSorted());
    });

    check('dial without an identity says who answered', async () => {
      const [a, b] = [await first(), await second()];
      assert.equal(await a.dial(addressOf(b).replace(/\/p2p\/.*$/, '')), b.peerId);
    });

    check('another identity than the named one is PEER_MISMATCH and no connection', async () => {
      const [a, b, c] = [await first(), await second(), await second()];
      const wrong = addressOf(b).replace(b.peerId, c.peerId);
      await assert.rejects(a.dial(wrong), (error) => isPangeaError(error, 'PEER_MISMATCH'));
      assert.deepEqual(a.connectedPeers(), []);
    });

    check('nobody there is PEER_UNREACHABLE, nonsense is ADDRESS_INVALID, silence is TIMEOUT', async () => {
      const a = await first();
      await assert.rejects(a.dial('/ip4/127.0.0.1/tcp/1'), (error) => isPangeaError(error, 'PEER_UNREACHABLE'));
      for (const text of ['', 'x', '/ip4/127.0.0.1/udp/1', '/ip4/300.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/1/p2p/zzz', '/unix/tmp']) {
        await assert.rejects(a.dial(text), (error) => isPangeaError(error, 'ADDRESS_INVALID'), text);
      }
      const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
      try {
        await new Promise((resolve) => silent.once('listening', resolve));
        const { port } = silent.address() as { port: number };
        await assert.rejects(a.dial(`/ip4/127.0.0.1/tcp/${port}`, 300), (error) => isPangeaError(error, 'TIMEOUT'));
      } finally {
        await a.close();
        silent.close();
      }
    });

    check('streams carry 8 MiB both ways at once, byte for byte', async () => {
      const [a, b] = [await first(), await second()];
      b.handle(echo, echoAll);
      await a.dial(addressOf(b));
      const stream = await a.openStream(b.peerId, echo);
      assert.equal(stream.peer, b.peerId);
      assert.equal(stream.protocol, echo);
      const sent = randomBytes(8 * mib);
      const writing = (async () => {
        for (let at = 0; at < sent.length; at += mib) await stream.write(bodyFrom(sent.subarray(at, at + mib)));
        await stream.closeWrite();
      })();
      const [received] = await Promise.all([drain(stream), writing]);
      assert.equal(digest(received), digest(sent));
      stream.reset();
    });

    check('half close: the answer comes after the question has ended', async () => {
      const [a, b] = [await first(), await second()];
      b.handle(echo, async (stream) => {
        const question = await drain(stream);
        await stream.write(bodyFrom(Buffer.from(`${question.length} bytes`)));
        await stream.closeWrite();
      });
      await a.dial(addressOf(b));
      const stream = await a.openStream(b.peerId, echo);
      await stream.write(bodyFrom(new Uint8Array(1000)));
      await stream.closeWrite();
      assert.equal((await drain(stream)).toString(), '1000 bytes');
      assert.equal(await stream.read(), undefined);
    });

    check('an empty stream ends at once on both sides', async () => {
      const [a, b] = [await first(), await second()];
      b.handle(echo, echoAll);
      await a.dial(addressOf(b));
      const stream = await a.openStream(b.peerId, echo);
      await stream.closeWrite();
      assert.equal((await drain(stream)).length, 0);
    });

    check('reset reaches the other side as an error, not as an end', async () => {
      const [a, b] = [await first(), await second()];
      const outcome = Promise.withResolvers<unknown>();
      b.handle(echo, async (stream) => {
        await drain(stream).then(() => outcome.resolve('ended'), outcome.resolve);
      });
      await a.dial(addressOf(b));
      const stream = await a.openStream(b.peerId, echo);
      await stream.write(bodyFrom(new Uint8Array(100)));
      stream.reset();
      stream.reset();
      assert.ok(isPangeaError(await outcome.promise, 'PEER_UNREACHABLE'));
      await assert.rejects(stream.read(), (error) => isPangeaError(error));
      await assert.rejects(stream.write(bodyFrom(new Uint8Array(1))), (error) => isPangeaError(error));
    });

    check('a handler that fails resets its stream; a lost connection is an error, not an end', async () => {
      const [a, b] = [await first(), await second()];
      const waiting = Promise.withResolvers<void>();
      b.handle('/pangea/test-fail/1.0.0', async (stream) => {
        await stream.read();
        throw new Error('on purpose');
      });
      b.handle('/pangea/test-hang/1.0.0', async (stream) => {
        await stream.write(bodyFrom(new Uint8Array(10)));
        await waiting.promise;
      });
      await a.dial(addressOf(b));
      const failing = await a.openStream(b.peerId, '/pangea/test-fail/1.0.0');
      await failing.write(bodyFrom(new Uint8Array(1)));
      await assert.rejects(drain(failing), (error) => isPangeaError(error, 'PEER_UNREACHABLE'));
      const hanging = await a.openStream(b.peerId, '/pangea/test-hang/1.0.0');
      const reading = drain(hanging);
      const refused = assert.rejects(reading, (error) => isPangeaError(error, 'PEER_UNREACHABLE'));
      await systemClock.sleep(200);
      await b.close();
      waiting.resolve();
      await refused;
    });

    check('a handler that fails after the question has ended does not make half an answer look whole', async () => {
      const [a, b] = [await first(), await second()];
      b.handle(echo, async (stream) => {
        await drain(stream);
        await stream.write(bodyFrom(new Uint8Array(1000)));
        throw new Error('on purpose');
      });
      await a.dial(addressOf(b));
      const stream = await a.openStream(b.peerId, echo);
      await stream.write(bodyFrom(new Uint8Array(10)));
      await stream.closeWrite();
      await assert.rejects(drain(stream), (error) => isPangeaError(error, 'PEER_UNREACHABLE'));
    });

    checkMessages({ check, first, second });

    check('an unknown protocol is PROTOCOL, an unknown peer PEER_UNREACHABLE', async () => {
      const [a, b, c] = [await first(), await second(), await second()];
      await a.dial(addressOf(b));
      await assert.rejects(a.openStream(b.peerId, '/pangea/nobody-speaks-this/1'), (error) => isPangeaError(error, 'PROTOCOL'));
      await c.close();
      await assert.rejects(a.openStream(c.peerId, echo, 5_000), (error) => isPangeaError(error, 'PEER_UNREACHABLE'));
    });

    check('a slow reader holds the writer back within a bound', async () => {
      const [a, b] = [await first(), await second()];
      const go = Promise.withResolvers<void>();
      const result = Promise.withResolvers<number>();
      b.handle(echo, async (stream) => {
        await go.promise;
        result.resolve((await drain(stream)).length);
      });
      await a.dial(addressOf(b));
      const stream = await a.openStream(b.peerId, echo);
      const piece = bodyFrom(new Uint8Array(256 * 1024));
      let written = 0;
      const writing = (async () => {
        for (let i = 0; i < 256; i++) {
          await stream.write(piece);
          written += piece.byteLength;
        }
        await stream.closeWrite();
      })();
      await systemClock.sleep(1_500);
      const held = written;
      await systemClock.sleep(500);
      assert.equal(written, held, 'the writer still advances while nobody reads');
      assert.ok(held <= 24 * mib, `${held} bytes were taken while nobody read`);
      go.resolve();
      await writing;
      assert.equal(await result.promise, 64 * mib);
    });

    check('many streams share a connection', async () => {
      const [a, b] = [await first(), await second()];
      b.handle(echo, echoAll);
      await a.dial(addressOf(b));
      await Promise.all(
        Array.from({ length: 64 }, async (_, index) => {
          const stream = await a.openStream(b.peerId, echo);
          await stream.write(bodyFrom(Buffer.from(`stream ${index}`)));
          await stream.closeWrite();
          assert.equal((await drain(stream)).toString(), `stream ${index}`);
        }),
      );
      assert.deepEqual(a.connectedPeers(), [b.peerId]);
    });

    check('openStream dials addresses that were added, and only those the policy lets pass', async () => {
      const [a, b] = [await first(), await second()];
      b.handle(echo, echoAll);
      a.addAddresses(b.peerId, b.multiaddrs());
      (await a.openStream(b.peerId, echo)).reset();
      const careful = await first({ allow: ['198.51.100.0/24'] });
      careful.addAddresses(b.peerId, b.multiaddrs());
      await assert.rejects(careful.openStream(b.peerId, echo, 5_000), (error) =>
        isPangeaError(error, 'DIAL_REFUSED') || isPangeaError(error, 'PEER_UNREACHABLE'));
      assert.deepEqual(careful.connectedPeers(), []);
      assert.equal(await careful.dial(addressOf(b)), b.peerId, "the operator's own address passes");
    });

    check('the gate refuses addresses outside the allow list, and lets them in when it changes', async () => {
      const [a, b] = [await first(), await second({ allow: ['198.51.100.0/24'] })];
      const refused: string[] = [];
      b.on({ refused: (address) => void refused.push(address) });
      await assert.rejects(a.dial(addressOf(b), 5_000), (error) => isPangeaError(error));
      if (pair.refusals !== 'counted') {
        await until(() => refused.length > 0, 'the refusal is told');
        assert.match(refused[0] ?? '', /127\.0\.0\.1/);
      }
      assert.deepEqual(b.connectedPeers(), []);
      b.setAllow(['127.0.0.0/8']);
      assert.equal(await a.dial(addressOf(b)), b.peerId);
      b.setAllow(['198.51.100.0/24']);
      await until(() => b.connectedPeers().length === 0, 'who may no longer connect is disconnected');
    });

    check('a port in use is PORT_IN_USE, an address of another machine ADDRESS_INVALID', async () => {
      const a = await first();
      const taken = addressOf(a).replace(/\/p2p\/.*$/, '');
      await assert.rejects(second({ listen: [taken] }), (error) => isPangeaError(error, 'PORT_IN_USE'));
      await assert.rejects(second({ listen: ['/ip4/198.51.100.1/tcp/0'] }), (error) => isPangeaError(error, 'ADDRESS_INVALID'));
      await assert.rejects(second({ listen: ['rubbish'] }), (error) => isPangeaError(error, 'ADDRESS_INVALID'));
    });

    check('identify tells addresses, and a bootstrap peer that comes late is reached', async () => {
      const late = await second();
      const address = addressOf(late);
      const seed = randomBytes(32);
      await late.close();
      const reserved = await second({ seed, listen: [address.replace(/\/p2p\/.*$/, '')] });
      const bootstrap = [addressOf(reserved)];
      await reserved.close();
      const a = await first({ bootstrap });
      const found: HostPeer[] = [];
      a.on({ discovered: (peer, source) => void (source === 'identify' && found.push(peer)) });
      await systemClock.sleep(300);
      assert.deepEqual(a.connectedPeers(), []);
      const b = await second({ seed, listen: [address.replace(/\/p2p\/.*$/, '')] });
      await until(() => a.connectedPeers().includes(b.peerId), 'the bootstrap peer is connected', 20_000);
      await until(() => found.some(({ peer, multiaddrs }) => peer === b.peerId && multiaddrs.length > 0), 'identify was told');
    });

    if (!quic) check('garbage on the port leaves the host serving', async () => {
      const [a, b] = [await first(), await second()];
      b.handle(echo, echoAll);
      const port = Number(/\/tcp\/(\d+)/.exec(addressOf(b))?.[1]);
      const multistream = Buffer.from('\x13/multistream/1.0.0\n', 'latin1');
      for (let i = 0; i < 40; i++) {
        // A seeded mix: raw noise, noise behind a valid greeting, and a length that promises far more than comes.
        const noise = createHash('shake256', { outputLength: 1 + i * 97 }).update(`garbage ${i}`).digest();
        const sent = i % 3 === 0 ? noise : i % 3 === 1 ? Buffer.concat([multistream, noise]) : Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0x7f]), noise]);
        await spit(port, sent);
      }
      await until(async () => a.dial(addressOf(b)).then(() => true, () => false), 'the host still takes connections', 20_000);
      const stream = await a.openStream(b.peerId, echo);
      await stream.write(bodyFrom(Buffer.from('still here')));
      await stream.closeWrite();
      assert.equal((await drain(stream)).toString(), 'still here');
    });

    check('close is safe to repeat and frees the port', async () => {
      const a = await second();
      const listen = [addressOf(a).replace(/\/p2p\/.*$/, '')];
      await Promise.all([a.close(), a.close()]);
      await a.close();
      const b = await second({ listen });
      assert.equal(addressOf(b).replace(/\/p2p\/.*$/, ''), listen[0]);
    });
  });
}

export function addressOf(host: Host): string {
  const [address] = host.multiaddrs();
  assert.ok(address, 'the host has an address');
  return address;
}

export async function until(condition: () => boolean | Promise<boolean>, what: string, withinMs = 10_000): Promise<void> {
  const end = systemClock.monotonicMs() + withinMs;
  while (!(await condition())) {
    if (systemClock.monotonicMs() > end) assert.fail(`not within ${withinMs} ms: ${what}`);
    await systemClock.sleep(25);
  }
}

async function echoAll(stream: HostStream): Promise<void> {
  for (let body = await stream.read(); body; body = await stream.read()) {
    assert.ok(body.byteLength > 0 && body.byteLength <= mib);
    await stream.write(body);
    body.release();
  }
  await stream.closeWrite();
}

async function drain(stream: HostStream): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let body = await stream.read(); body; body = await stream.read()) {
    parts.push(body.bytes());
    body.release();
  }
  return Buffer.concat(parts);
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function spit(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
    socket.setTimeout(200, () => socket.destroy());
    socket.resume();
  });
}
