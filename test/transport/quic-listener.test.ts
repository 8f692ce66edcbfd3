import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { bodyFrom } from '../../src/body/body.ts';
import { type ErrorCode, isPangeaError } from '../../src/errors/errors.ts';
import { systemClock } from '../../src/std/std.ts';
import type { QuicTransport, QuicTransportOptions, Reply, RequestHandler } from '../../src/transport/transport.ts';
import { lossyPath } from './lossy-path.ts';
import { nativeOrFail, openQuic, quicMissing } from './ends.ts';

const coded = (code: ErrorCode) => (error: unknown): boolean => isPangeaError(error, code);
const answer: RequestHandler = async (_peer, _request, body) =>
  ({ status: 0, answer: { totalBytes: body.byteLength }, body: bodyFrom(new Uint8Array(body.byteLength)) }) satisfies Reply<'get'>;
const get = { type: 'get', object: new Uint8Array(32), kind: 0, stripe: 0, row: 0, offset: 0, length: 0 } as const;

describe('quic listener', { skip: quicMissing, timeout: 60_000 }, () => {
  const open: QuicTransport[] = [];
  after(() => Promise.all(open.map((transport) => transport.close(0))));
  const make = async (options: Partial<QuicTransportOptions> = {}): Promise<QuicTransport> => {
    const transport = openQuic(options);
    open.push(transport);
    await transport.listen(answer);
    return transport;
  };
  const port = (transport: QuicTransport): string => transport.addresses()[0]?.split(':').at(-1) ?? '';

  it('tells a taken port from an address that is none', async () => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    await assert.rejects(make({ listen: `127.0.0.1:${socket.address().port}` }), coded('PORT_IN_USE'));
    socket.close();
    await assert.rejects(make({ listen: '192.0.2.1:0' }), coded('ADDRESS_INVALID'));
    for (const listen of ['', '9090', 'example.org:1', '127.0.0.1:65536', '::1:0', '127.0.0.1:', '[127.0.0.1]:0', ':x']) {
      assert.throws(() => openQuic({ listen }), coded('ADDRESS_INVALID'), listen);
    }
  });

  it('gives the port back when it closes', async () => {
    const first = await make();
    const listen = `127.0.0.1:${port(first)}`;
    await first.close(0);
    const second = await make({ listen });
    assert.deepEqual(second.addresses(), [listen]);
  });

  it('listens on every interface, and advertises what is configured', async () => {
    const everywhere = await make({ listen: ':0' });
    assert.match(everywhere.addresses().join(' '), /^127\.0\.0\.1:\d+/, 'the only interface that the allowlist lets reach it');
    const client = await make();
    assert.equal(await client.connect(`127.0.0.1:${port(everywhere)}`), everywhere.localPeer);
    assert.equal(await client.connect(`localhost:${port(everywhere)}`), everywhere.localPeer);
    const named = await make({ advertise: ['192.0.2.7:4242'] });
    assert.deepEqual(named.addresses(), ['192.0.2.7:4242']);
  });

  it('gives sources outside the allowlist no answer, counts them, and follows a new list', async () => {
    const closed = await make({ allow: ['10.0.0.0/8'] });
    const client = await make();
    const address = `127.0.0.1:${port(closed)}`;
    await assert.rejects(client.connect(address, { timeoutMs: 300 }), (error) => coded('PEER_UNREACHABLE')(error) || coded('TIMEOUT')(error));
    const counted = closed.admissions();
    assert.ok(counted.denied > 0 && counted.allowed === 0, JSON.stringify(counted));
    closed.setAllow(['127.0.0.1']);
    assert.equal(await client.connect(address), closed.localPeer);
    assert.throws(() => closed.setAllow(['nonsense']), coded('CONFIG_INVALID'));
  });

  it('disconnects who is no longer on the list, and only those', async () => {
    const server = await make();
    const client = await make();
    await client.connect(`127.0.0.1:${port(server)}`);
    while (server.connectedPeers().length === 0) await systemClock.sleep(10);
    server.setAllow(['127.0.0.1', '10.0.0.0/8']);
    await systemClock.sleep(100);
    assert.deepEqual(server.connectedPeers(), [client.localPeer]);
    const left = new Promise((resolve) => server.on({ disconnected: resolve }));
    server.setAllow(['10.0.0.0/8']);
    assert.equal(await left, client.localPeer);
  });

  it('dials no private address outside the allowlist', async () => {
    const client = await make();
    await assert.rejects(client.connect('10.1.2.3:9090'), coded('DIAL_REFUSED'));
    await assert.rejects(client.connect('[fe80::1]:9090'), coded('DIAL_REFUSED'));
  });

  it('serves nobody who has not said hello', async () => {
    const server = await make();
    let said = 0;
    const opened = Promise.withResolvers<void>();
    const endpoint = nativeOrFail().QuicEndpoint.open({
      seed: new Uint8Array(32).fill(9), bind: ['127.0.0.1:0'], allow: ['127.0.0.1'], congestion: 'bbr',
      limits: {
        structBytes: 1024, bodyBytes: 1024, requestsPerPeer: 4, requestsTotal: 4, bodyBytesInFlight: 65_536, connections: 4,
        stallMs: 1000, serveMs: 1000,
      },
    }, (event) => event.kind === 'opened' && opened.resolve());
    try {
      const { connection } = await endpoint.dial(server.addresses()[0] ?? '', server.localPeer, 3000);
      await opened.promise;
      const ask = (code: number, head: Uint8Array): Promise<{ status: number }> => endpoint.request(connection, ++said, code, head, undefined, 0, 3000);
      assert.equal((await ask(7, new Uint8Array())).status, 3, 'denied');
      assert.equal((await ask(8, new Uint8Array(5))).status, 3, 'a hello that cannot be read');
      assert.deepEqual(server.connectedPeers(), []);
    } finally {
      await endpoint.close(0);
    }
  });

  it('answers bad request to what it cannot read', async () => {
    const server = await make();
    const client = await make();
    client.setAddresses(server.localPeer, server.addresses());
    const lying = { ...get, type: 'have', root: get.object, firstStripe: 0, stripes: 70_000 } as const;
    const reply = await client.request(server.localPeer, lying);
    assert.equal(reply.status, 2);
  });

  it('finds a peer again that has restarted under the same address', async () => {
    const seed = new Uint8Array(32).fill(77);
    const client = await make();
    const first = await make({ seed });
    const listen = first.addresses()[0] ?? '';
    client.setAddresses(first.localPeer, [listen]);
    assert.equal((await client.request(first.localPeer, get)).status, 0);
    await first.close(0);
    const second = await make({ seed, listen });
    assert.equal(second.localPeer, first.localPeer);
    for (let attempt = 0; ; attempt++) {
      const reply = await client.request(second.localPeer, get).catch((error: unknown) => error);
      if (typeof reply === 'object' && reply !== null && 'status' in reply) break;
      assert.ok(attempt < 20 && coded('PEER_UNREACHABLE')(reply), String(reply));
      await systemClock.sleep(100);
    }
  });

  it('fails fast for a while after a failed dial, and at once has another try with new addresses', async () => {
    const client = await make();
    const server = await make();
    client.setAddresses(server.localPeer, ['127.0.0.1:1']);
    await assert.rejects(client.request(server.localPeer, get), coded('PEER_UNREACHABLE'));
    const started = performance.now();
    await assert.rejects(client.request(server.localPeer, get), coded('PEER_UNREACHABLE'));
    assert.ok(performance.now() - started < 1000);
    client.setAddresses(server.localPeer, ['127.0.0.1:1', ...server.addresses()]);
    assert.equal((await client.request(server.localPeer, get)).status, 0);
  });

  for (const congestion of ['cubic', 'bbr'] as const) {
    it(`survives 50 ms of delay and one packet in a hundred lost (${congestion})`, async () => {
      const server = await make({ congestion });
      const client = await make({ congestion });
      const path = await lossyPath({ target: Number(port(server)), delayMs: 50, lossRate: 0.01, seed: 5 });
      try {
        client.setAddresses(server.localPeer, [`127.0.0.1:${path.port}`]);
        const bytes = new Uint8Array(256 * 1024).fill(3);
        const replies = await Promise.all(Array.from({ length: 4 }, () => client.request(server.localPeer, get, { body: bodyFrom(bytes) })));
        for (const reply of replies) {
          assert.ok(reply.status === 0 && reply.answer.totalBytes === bytes.length && reply.body.byteLength === bytes.length);
          reply.body.release();
        }
        assert.ok(path.dropped() > 0, 'the path did lose packets');
      } finally {
        path.close();
      }
    });
  }
});
