import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { bodyFrom, emptyBody } from '../../src/body/body.ts';
import type { Host, HostEvents, HostStream } from '../../src/host/host.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { ByteWriter, seededRandom, systemClock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { limits, openLibp2pTransport, shardProtocol, type Transport } from '../../src/transport/transport.ts';
import { encodeRequest } from '../../src/transport/messages/messages.ts';
import { hello } from '../conformance/transport.ts';
import { makeJsHost } from '../host/makers.ts';

describe('libp2p transport against raw streams', { timeout: 60_000 }, () => {
  let serverHost: Host;
  let strangerHost: Host;
  let friendHost: Host;
  let server: Transport;
  let friend: Transport;
  let served = 0;

  const transport = (host: Host): Transport =>
    openLibp2pTransport({ host, clock: systemClock, logger: silentLogger, hello: () => hello, onHello: () => true });
  before(async () => {
    [serverHost, strangerHost, friendHost] = await Promise.all([makeJsHost(), makeJsHost(), makeJsHost()]);
    server = transport(serverHost);
    friend = transport(friendHost);
    await server.listen(async () => {
      served++;
      return { status: 0, answer: {}, body: emptyBody };
    });
    for (const host of [strangerHost, friendHost]) host.addAddresses(serverHost.peerId, serverHost.multiaddrs());
  });
  after(async () => {
    await Promise.all([server.close(0), friend.close(0)]);
    await Promise.all([serverHost.close(), strangerHost.close(), friendHost.close()]);
  });

  const raw = (): Promise<HostStream> => strangerHost.openStream(serverHost.peerId, shardProtocol);
  /** Sends, ends, and gives what came back; `undefined` when the stream was reset. */
  const exchange = async (bytes: Uint8Array): Promise<Buffer | undefined> => {
    const stream = await raw();
    try {
      await stream.write(bodyFrom(bytes));
      await stream.closeWrite();
      const parts: Uint8Array[] = [];
      for (let body = await stream.read(); body !== undefined; body = await stream.read()) parts.push(Uint8Array.from(body.bytes()));
      return Buffer.concat(parts);
    } catch {
      return undefined;
    } finally {
      stream.reset();
    }
  };
  const message = (type: number, length: number, struct: Uint8Array): Uint8Array =>
    new ByteWriter().u8(type).u32(length).bytes(struct).finish();

  it('denies a request of a peer that has not greeted', async () => {
    const answer = await exchange(message(7, 0, new Uint8Array()));
    assert.equal(answer?.readUInt16LE(0), 3);
    assert.equal(served, 0);
    assert.deepEqual(server.connectedPeers(), []);
  });

  it('takes neither bodies nor many requests of a stranger', async () => {
    const open = await Promise.all(Array.from({ length: 8 }, raw));
    for (const stream of open) await stream.write(bodyFrom(Uint8Array.of(1)));
    await systemClock.sleep(200);
    assert.equal((await exchange(message(7, 0, new Uint8Array())))?.readUInt16LE(0), 5, 'busy');
    assert.equal((await friend.request(server.localPeer, { type: 'ping' })).status, 0, 'others are served');
    for (const stream of open) stream.reset();
    await systemClock.sleep(200);
    const stream = await raw();
    // The answer comes although the body never ends.
    await stream.write(bodyFrom(message(1, 0, new Uint8Array(1000))));
    const answer = await stream.read();
    assert.equal(Buffer.from(answer?.bytes() ?? []).readUInt16LE(0), 3, 'denied');
    stream.reset();
  });

  it('drops a request whose struct is cut or beyond the limit', async () => {
    for (const bytes of [message(1, limits.structBytes + 1, new Uint8Array(10)), message(1, 0xffff_ffff, new Uint8Array()), message(1, 4, new Uint8Array(3)), Uint8Array.of(1, 2)]) {
      assert.equal((await exchange(bytes))?.length ?? 0, 0);
    }
  });

  it('drops a request whose body is beyond the limit', async () => {
    await friend.request(server.localPeer, { type: 'ping' });
    const stream = await friendHost.openStream(serverHost.peerId, shardProtocol);
    const piece = new Uint8Array(512 * 1024);
    await stream.write(bodyFrom(message(1, 0, new Uint8Array())));
    await assert.rejects(async () => {
      for (let sent = 0; sent <= limits.bodyBytes + 4 * piece.length; sent += piece.length) await stream.write(bodyFrom(piece));
      await stream.closeWrite();
      for (let body = await stream.read(); body !== undefined; body = await stream.read()) assert.fail('an answer came');
      throw new Error('ended without an answer');
    }, (error: Error) => !(error instanceof assert.AssertionError));
    stream.reset();
  });

  it('goes on serving others under random bytes', async () => {
    const random = seededRandom(11);
    const before = served;
    for (let round = 0; round < 100; round++) {
      const bytes = random.bytes(1 + random.integer(2000));
      if (round % 2 === 0) bytes.set(new ByteWriter().u8(random.integer(10)).u32(random.integer(64)).finish().subarray(0, bytes.length));
      if (round % 5 === 0) {
        const stream = await raw();
        await stream.write(bodyFrom(bytes));
        stream.reset();
      } else await exchange(bytes);
    }
    assert.equal(served, before);
    assert.equal((await friend.request(server.localPeer, { type: 'ping' })).status, 0);
    assert.equal(served, before + 1);
  });
});

it('does not take for connected who left right behind its hello', async () => {
  const peer = 'gone' as PeerId;
  let events: Partial<HostEvents> = {};
  let serve: (stream: HostStream) => Promise<void> = () => assert.fail('nothing is served');
  const host = {
    peerId: 'self', multiaddrs: () => [], on: (given: Partial<HostEvents>) => { events = given; },
    handle: (_protocol: string, handler: typeof serve) => { serve = handler; },
  } as unknown as Host;
  const transport = openLibp2pTransport({ host, clock: systemClock, logger: silentLogger, hello: () => hello, onHello: () => true });
  let connected = 0;
  transport.on({ connected: () => { connected++; } });
  await transport.listen(() => assert.fail('nothing is asked'));
  const { code, struct } = encodeRequest({ type: 'hello', hello });
  const message = new ByteWriter().u8(code).u32(struct.length).bytes(struct).finish();
  const visit = async (leaves: boolean): Promise<void> => {
    events.connected?.(peer, '');
    const parts = [message];
    await serve({
      peer, protocol: shardProtocol, reset: () => undefined, closeWrite: async () => undefined, write: async () => undefined,
      read: async () => {
        if (leaves) events.disconnected?.(peer);
        const part = parts.shift();
        return part && bodyFrom(part);
      },
    });
  };
  await visit(true);
  assert.deepEqual([connected, transport.connectedPeers()], [0, []]);
  await visit(false);
  assert.deepEqual([connected, transport.connectedPeers()], [1, [peer]]);
  await transport.close(0);
});
