/** libp2p's QUIC on the port of the shard protocol: a host as any other, and a way for shards where libp2p has one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { bodyFrom, emptyBody } from '../../src/body/body.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import type { NativeHost } from '../../src/host/host.ts';
import { socketOf } from '../../src/transport/observed.ts';
import type { RequestHandler } from '../../src/transport/transport.ts';
import { addressOf, describeHosts, until } from '../conformance/host.ts';
import { makeQuicHost, nativeMissing } from '../host/makers.ts';
import { openQuic, quicMissing } from './ends.ts';
import { makeSharedHost, openOnePort } from './one-port-ends.ts';

const skip = quicMissing || nativeMissing;
const stat: RequestHandler = async () => ({ status: 0, answer: { liveBytes: 1, freeBytes: 2, objects: 3, label: 4 }, body: emptyBody });

describeHosts('one port for both', { first: makeSharedHost, second: makeSharedHost, transport: 'quic', refusals: 'counted' }, skip);

describe('one port', { skip, timeout: 60_000 }, () => {
  it('serves both protocols at once', async () => {
    const [a, b] = await Promise.all([openOnePort({ handler: stat }), openOnePort({ handler: stat })]);
    try {
      const [address = ''] = b.quic.addresses();
      assert.equal(addressOf(b.host), `/ip4/127.0.0.1/udp/${address.split(':')[1]}/quic-v1/p2p/${b.host.peerId}`);
      await a.host.dial(addressOf(b.host));
      a.all.setAddresses(b.host.peerId, b.quic.addresses());
      const reply = await a.all.request(b.host.peerId, { type: 'stat' }, { body: bodyFrom(new Uint8Array(100_000)) });
      assert.equal(reply.status, 0);
      assert.deepEqual(a.quic.connectedPeers(), [b.host.peerId]);
      assert.deepEqual(a.host.connectedPeers(), [b.host.peerId]);
      assert.equal(b.quic.admissions().guestConnections, 1);
    } finally {
      await Promise.all([a.close(), b.close()]);
    }
  });

  it('gives shards the way that libp2p has found', async () => {
    const [a, b] = await Promise.all([openOnePort({ handler: stat }), openOnePort({ handler: stat })]);
    try {
      // Neither side has told the other an address for shards, as when each knows only the inside of its NAT.
      await a.host.dial(addressOf(b.host));
      for (const [from, to] of [[a, b], [b, a]] as const) {
        await until(async () => {
          assert.equal((await from.all.request(to.host.peerId, { type: 'stat' })).status, 0);
          return from.quic.connectedPeers().includes(to.host.peerId);
        }, 'requests go over QUIC');
      }
      // With the last connection of libp2p the address is forgotten.
      const gone = new Promise<void>((resolve) => a.host.on({ disconnected: () => resolve() }));
      await Promise.all([a.host.disconnect(b.host.peerId), gone]);
      await a.quic.disconnect(b.host.peerId);
      await assert.rejects(a.quic.request(b.host.peerId, { type: 'stat' }), (error) => isPangeaError(error, 'PEER_UNREACHABLE'));
    } finally {
      await Promise.all([a.close(), b.close()]);
    }
  });

  it('meets hosts with a port of their own, in both directions, and finds no shards there', async () => {
    const a = await openOnePort({ handler: stat });
    const [b, c] = [await makeQuicHost(), await makeQuicHost()];
    const echo = '/pangea/test-echo/1.0.0';
    try {
      for (const host of [a.host, b]) {
        host.handle(echo, async (stream) => {
          for (let body = await stream.read(); body !== undefined; body = await stream.read()) await stream.write(body);
          await stream.closeWrite();
        });
      }
      await a.host.dial(addressOf(b));
      await c.dial(addressOf(a.host));
      for (const [from, to] of [[a.host, b], [c, a.host]] as const) {
        const stream = await from.openStream(to.peerId, echo);
        await stream.write(bodyFrom(Buffer.from('through one port')));
        await stream.closeWrite();
        assert.equal(Buffer.from((await stream.read())?.bytes() ?? []).toString(), 'through one port');
      }
      await assert.rejects(a.quic.request(b.peerId, { type: 'stat' }), (error) => isPangeaError(error, 'PEER_UNREACHABLE'));
      assert.deepEqual(new Set(a.host.connectedPeers()), new Set([b.peerId, c.peerId]), 'libp2p goes on');
    } finally {
      await Promise.all([a.close(), b.close(), c.close()]);
    }
  });

  it('lends a socket once, and to a host that asked for it', async () => {
    const own = await makeQuicHost();
    const node = await openOnePort();
    try {
      for (const [host, code] of [[own as NativeHost, 'USAGE'], [node.host, 'INTERNAL']] as const) {
        const quic = openQuic({ onBound: (endpoint) => host.shareQuic(endpoint) });
        await assert.rejects(quic.listen(stat), (error) => isPangeaError(error, code));
        await quic.close(0);
      }
    } finally {
      await Promise.all([own.close(), node.close()]);
    }
  });

  it('reads addresses of direct QUIC connections only', () => {
    assert.equal(socketOf('/ip4/192.0.2.1/udp/9090/quic-v1'), '192.0.2.1:9090');
    assert.equal(socketOf('/ip6/2001:db8::1/udp/1/quic-v1/p2p/12D3KooW'), '[2001:db8::1]:1');
    for (const other of ['/ip4/192.0.2.1/tcp/9090', '/ip4/192.0.2.1/udp/9090/quic-v1/p2p/x/p2p-circuit', '/dns4/a/udp/1/quic-v1', '']) {
      assert.equal(socketOf(other), undefined, other);
    }
  });
});
