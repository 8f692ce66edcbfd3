/**
 * Discovery on the local network, where the machine's multicast works at all. The hosts listen on an address of a
 * real interface of this machine: mDNS does not announce loopback.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
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

const interfaceAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal, address }) => family === 'IPv4' && !internal && !address.startsWith('169.254.'))?.address;
const noMulticast = interfaceAddress === undefined ? 'no network interface but loopback' : await multicastMissing();

async function meet(first: MakeHost, second: MakeHost): Promise<void> {
  const options = { mdns: true, listen: [`/ip4/${interfaceAddress}/tcp/0`], allow: [`${interfaceAddress}/32`] };
  const [a, b] = [await first(options), await second(options)];
  try {
    await until(() => a.connectedPeers().includes(b.peerId) && b.connectedPeers().includes(a.peerId), 'the two have met', 30_000);
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

test('mdns: two js hosts meet', { timeout: 60_000, skip: noMulticast }, () => meet(makeJsHost, makeJsHost));
test('mdns: two native hosts meet', { timeout: 60_000, skip: nativeMissing || noMulticast }, () => meet(makeNativeHost, makeNativeHost));
test('mdns: a native and a js host meet', { timeout: 60_000, skip: nativeMissing || noMulticast }, () => meet(makeNativeHost, makeJsHost));
