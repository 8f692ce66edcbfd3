/** Discovery on the local network, where the machine's multicast works at all. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';

import { systemClock } from '../../src/std/std.ts';
import { until } from '../conformance/host.ts';
import { type MakeHost, makeJsHost, makeNativeHost, nativeMissing } from './makers.ts';

/** Sends one datagram to the mDNS group and waits for it to come back. */
async function multicastMissing(): Promise<string | false> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  const token = randomBytes(16);
  try {
    return await new Promise((resolve) => {
      socket.on('error', (error) => resolve(`no multicast here: ${error.message}`));
      socket.on('message', (message) => message.equals(token) && resolve(false));
      // Not on the mDNS port: the datagram means nothing to those who listen there.
      socket.bind(0, () => {
        socket.addMembership('224.0.0.251');
        socket.setMulticastLoopback(true);
        socket.send(token, socket.address().port, '224.0.0.251');
      });
      systemClock.after(2_000, () => resolve('a multicast datagram does not come back here'));
    });
  } finally {
    socket.close();
  }
}

const noMulticast = await multicastMissing();

async function meet(first: MakeHost, second: MakeHost): Promise<void> {
  const [a, b] = [await first({ mdns: true }), await second({ mdns: true })];
  try {
    await until(() => a.connectedPeers().includes(b.peerId) && b.connectedPeers().includes(a.peerId), 'the two have met', 30_000);
    assert.ok(a.connectedPeers().length >= 1);
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

test('mdns: two js hosts meet', { timeout: 60_000, skip: noMulticast }, () => meet(makeJsHost, makeJsHost));
test('mdns: two native hosts meet', { timeout: 60_000, skip: nativeMissing || noMulticast }, () => meet(makeNativeHost, makeNativeHost));
test('mdns: a native and a js host meet', { timeout: 60_000, skip: nativeMissing || noMulticast }, () => meet(makeNativeHost, makeJsHost));
