import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { bodyFrom, emptyBody } from '../../src/body/body.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { type Reply, type RequestHandler, type Transport, combineTransports, openLibp2pTransport } from '../../src/transport/transport.ts';
import { systemClock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { hello } from '../conformance/transport.ts';
import { makeJsHost } from '../host/makers.ts';
import { openQuic, quicMissing } from './ends.ts';

/** Says on which transport the request came. */
const serve = (through: number): RequestHandler => async () =>
  ({ status: 0, answer: { liveBytes: through, freeBytes: 0, objects: 0, label: 0 }, body: emptyBody }) satisfies Reply<'stat'>;

interface Node {
  readonly all: Transport;
  readonly quic: Transport;
  readonly libp2p: Transport;
  close(): Promise<void>;
}

async function makeNode(): Promise<Node> {
  const seed = randomBytes(32);
  const host = await makeJsHost({ seed });
  const quic = openQuic({ seed });
  const libp2p = openLibp2pTransport({ host, clock: systemClock, logger: silentLogger, hello: () => hello, onHello: () => true });
  await quic.listen(serve(1));
  await libp2p.listen(serve(2));
  const all = combineTransports([quic, libp2p]);
  return {
    all, quic, libp2p,
    close: async () => {
      await all.close(0);
      await host.close();
    },
  };
}

const through = async (from: Node, to: Node): Promise<number> => {
  const reply = await from.all.request(to.all.localPeer, { type: 'stat' }, { body: bodyFrom(new Uint8Array(10)) });
  assert.ok(reply.status === 0);
  return reply.answer.liveBytes;
};

describe('combined transport', { skip: quicMissing, timeout: 60_000 }, () => {
  it('prefers the first, falls back where it cannot reach the peer, and tells connections once', async () => {
    const [one, two] = await Promise.all([makeNode(), makeNode()]);
    try {
      const news: string[] = [];
      one.all.on({ connected: () => news.push('+'), disconnected: () => news.push('-') });
      one.all.setAddresses(two.all.localPeer, two.all.addresses());
      assert.equal(await through(one, two), 1);
      await one.quic.disconnect(two.all.localPeer);
      // The first transport now finds nobody where it dials.
      one.all.setAddresses(two.all.localPeer, ['127.0.0.1:1', ...two.libp2p.addresses()]);
      assert.equal(await through(one, two), 2);
      assert.equal(await through(one, two), 2, 'and stays with the one that is connected');
      assert.deepEqual(one.all.connectedPeers(), [two.all.localPeer]);
      await one.all.disconnect(two.all.localPeer);
      assert.deepEqual(news, ['+', '-', '+', '-']);
      assert.deepEqual(one.all.connectedPeers(), []);
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });

  it('connects by the shape of the address', async () => {
    const [one, two] = await Promise.all([makeNode(), makeNode()]);
    try {
      for (const address of [two.quic.addresses()[0], two.libp2p.addresses()[0]]) {
        assert.equal(await one.all.connect(address ?? ''), two.all.localPeer);
      }
      assert.deepEqual(one.quic.connectedPeers(), [two.all.localPeer]);
      assert.deepEqual(one.libp2p.connectedPeers(), [two.all.localPeer]);
      assert.equal(await through(one, two), 1);
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });

  it('fails with the reason of the preferred transport when none reaches the peer', async () => {
    const [one, two] = await Promise.all([makeNode(), makeNode()]);
    try {
      await assert.rejects(one.all.request(two.all.localPeer, { type: 'ping' }), (error) => isPangeaError(error, 'PEER_UNREACHABLE'));
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });

  it('needs one identity', async () => {
    const [one, two] = await Promise.all([makeNode(), makeNode()]);
    try {
      assert.throws(() => combineTransports([one.quic, two.quic]), (error) => isPangeaError(error, 'INTERNAL'));
      assert.throws(() => combineTransports([]), (error) => isPangeaError(error, 'INTERNAL'));
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });
});
