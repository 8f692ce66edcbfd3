/** A gateway that maps ports when asked (miniupnpd) in front of a private node. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadNative } from '../../src/native/native.ts';
import { natObstacle, NatTopology } from './nat.ts';
import { NatPeer, until } from './nat-case.ts';

const native = loadNative();
const missing = ['miniupnpd', 'nft'].find((tool) => spawnSync(tool, ['--version']).error);
const reason = native.ok ? (missing === undefined ? natObstacle() ?? false : `needs ${missing}`) : native.reason;

const chains = `table inet filter {
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain prerouting { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }
}
`;
const settings = `ext_ifname=wan0
listening_ip=lan0
port=5000
enable_natpmp=no
enable_upnp=yes
secure_mode=yes
system_uptime=no
uuid=00000000-0000-4000-8000-000000000001
allow 1024-65535 192.168.1.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`;

test('a gateway maps the ports, and the node is reached directly', { skip: reason, timeout: 120_000 }, async () => {
  const topology = new NatTopology('cone', 'open');
  const directory = mkdtempSync(join(tmpdir(), 'pangea-upnp-'));
  const peers: NatPeer[] = [];
  const [command = '', ...inside] = topology.insideRouter('a');
  execFileSync(command, [...inside, 'nft', '-f', '-'], { input: chains, stdio: ['pipe', 'ignore', 'inherit'] });
  writeFileSync(join(directory, 'gateway.conf'), settings);
  const gateway = spawn(command, [...inside, 'miniupnpd', '-d', '-f', join(directory, 'gateway.conf'), '-P', join(directory, 'pid')], { stdio: 'ignore' });
  const started = once(gateway, 'spawn');
  try {
    await started;
    const start = (place: 'relay' | 'a' | 'b', ...options: readonly string[]): Promise<NatPeer> => {
      const address = topology.addresses[place];
      const peer = new NatPeer(topology, place, ['--listen', `/ip4/${address}/udp/9091/quic-v1`, '--listen', `/ip4/${address}/tcp/9091`, ...options]);
      peers.push(peer);
      return peer.ready();
    };
    const relay = await start('relay', '--carry');
    const a = await start('a', '--upnp', '--relay', (await relay.state()).addresses[0] ?? '');
    await until(async () => (await a.state()).nat.upnp.state === 'mapped', 'the gateway maps a port', 30_000);
    await until(async () => (await a.state()).addresses.some((address) => address.startsWith('/ip4/20.0.0.1/')), 'the node tells its address outside');
    await until(async () => (await a.state()).nat.reachability === 'public', 'somebody reached it', 30_000);
    const outside = (await a.state()).addresses.find((address) => address.startsWith('/ip4/20.0.0.1/')) ?? '';
    const b = await start('b');
    await b.ask({ do: 'dial', address: outside });
    assert.equal((await b.state(a.peer)).path, 'direct');
    await b.ask({ do: 'echo', peer: a.peer, bytes: 1024 * 1024 });
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()));
    gateway.kill('SIGKILL');
    topology.remove();
    rmSync(directory, { recursive: true, force: true });
  }
});
