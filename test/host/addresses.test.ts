import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { AddressBook } from '../../src/host/addressbook.ts';
import { formatMultiaddr, isLocalAddress, parseMultiaddr, subnetOf } from '../../src/host/addresses.ts';
import { hostLimits } from '../../src/host/limits.ts';
import type { PeerId } from '../../src/ids/ids.ts';

const peer = '12D3KooWGatU8DLuzbXCzuE8gbf9oaEdJkkSjh7yYrxbFUEyZ9Kx' as PeerId;

test('multiaddrs: what is taken round-trips, everything else is undefined', () => {
  for (const text of [
    '/ip4/127.0.0.1/tcp/9091', `/ip4/127.0.0.1/tcp/9091/p2p/${peer}`, '/ip6/::1/tcp/0', '/dns4/node.example/tcp/1', '/dns/a/tcp/65535',
    '/ip4/127.0.0.1/udp/9090/quic-v1', `/dns4/a/udp/1/quic-v1/p2p/${peer}`, `/ip4/1.2.3.4/tcp/1/p2p/${peer}/p2p-circuit`, `/ip6/::1/udp/1/quic-v1/p2p/${peer}/p2p-circuit/p2p/${peer}`,
  ]) {
    const address = parseMultiaddr(text);
    assert.ok(address, text);
    assert.equal(formatMultiaddr(address), text);
  }
  for (const text of [
    '', '/', '/ip4/1.2.3.4', '/ip4/1.2.3/tcp/1', '/ip6/1.2.3.4/tcp/1', '/ip6/fe80::1%eth0/tcp/1', '/ip4/1.2.3.4/tcp/65536', '/ip4/1.2.3.4/tcp/1/',
    '/ip4/1.2.3.4/tcp/1/ws', '/ip4/1.2.3.4/udp/1', '/ip4/1.2.3.4/udp/1/quic', '/ip4/1.2.3.4/tcp/1/quic-v1', '/ip4/1.2.3.4/tcp/1/p2p-circuit', `/ip4/1.2.3.4/tcp/1/p2p/${peer}/p2p-circuit/p2p-circuit`, '/dns4/-a/tcp/1', '/dns4/a..b/tcp/1', '/ip4/1.2.3.4/tcp/1/p2p/Qm', ' /ip4/1.2.3.4/tcp/1',
  ]) assert.equal(parseMultiaddr(text), undefined, text);
});

test('local addresses, in every spelling that reaches one', () => {
  for (const ip of ['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.1.1', '100.64.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fc00::1', 'ff02::1', '::ffff:10.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1', '2002:7f00:1::', 'rubbish', '']) {
    assert.equal(isLocalAddress(ip), true, ip);
  }
  for (const ip of ['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '2002:808:808::']) assert.equal(isLocalAddress(ip), false, ip);
});

test('subnets: one for neighbours, none for loopback', () => {
  assert.equal(subnetOf('10.1.2.3'), subnetOf('10.1.2.200'));
  assert.notEqual(subnetOf('10.1.2.3'), subnetOf('10.1.3.3'));
  assert.equal(subnetOf('::ffff:10.1.2.3'), subnetOf('10.1.2.9'));
  assert.equal(subnetOf('2001:db8:1:2::1'), subnetOf('2001:db8:1:3::9'));
  for (const ip of ['127.0.0.1', '::1', 'rubbish']) assert.equal(subnetOf(ip), undefined, ip);
});

test('text from peers never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string().map((tail) => `/ip4/1.2.3.4/tcp/1${tail}`), fc.ipV6(), fc.ipV4()), (text) => {
      const address = parseMultiaddr(text);
      if (address) assert.equal(formatMultiaddr(address).toLowerCase(), text.replace(/(tcp|udp)\/0+(?=\d)/, '$1/').toLowerCase());
      isLocalAddress(text);
      subnetOf(text);
    }),
    { seed: 4, numRuns: 2_000 },
  );
});

test('the address book is bounded, and takes only what can be dialled', () => {
  const book = new AddressBook();
  const many = Array.from({ length: 100 }, (_, index) => `/ip4/1.2.3.4/tcp/${index + 1}`);
  assert.equal(book.set(peer, many).length, hostLimits.addressesPeer);
  const other = peer.replace('Gat', 'Hat') as PeerId;
  assert.deepEqual(book.set(other, ['/ip4/1.2.3.4/udp/1', `/ip4/1.2.3.4/tcp/1/p2p/${peer}`, '/ip4/1.2.3.4/tcp/0']), []);
  for (let index = 0; index < hostLimits.addressBookPeers; index++) book.set(`${index}` as PeerId, ['/ip4/1.2.3.4/tcp/1']);
  assert.deepEqual(book.get(peer), [], 'the oldest is forgotten');
});
