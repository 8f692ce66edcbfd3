/** Multicast DNS in a network of its own: who sees whom, of our two hosts and the peers of other makes. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { toHex } from '../../src/std/std.ts';
import { until } from '../conformance/host.ts';
import { nativeMissing } from '../host/makers.ts';
import { buildGoPeer, buildRustPeer } from './build.ts';
import { InteropPeer, type Found } from './peer.ts';

const folder = mkdtempSync(join(tmpdir(), 'pangea-mdns-'));
const namespace = `pangea-mdns-${process.pid}`;
const running: InteropPeer[] = [];

/** One interface with multicast, and nobody else on it. Gives the reason when it cannot be made. */
function openNamespace(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces need Linux and root';
  const made = spawnSync('ip', ['netns', 'add', namespace]);
  if (made.status !== 0) return `no network namespace: ${made.error?.message ?? String(made.stderr)}`;
  for (const command of [
    'link set lo up', 'link add lan0 type veth peer name lan1', 'addr add 10.78.0.1/24 dev lan0', 'link set lan0 multicast on up', 'link set lan1 up',
    'route add 224.0.0.0/4 dev lan0',
  ]) {
    const done = spawnSync('ip', ['-n', namespace, ...command.split(' ')]);
    if (done.status === 0) continue;
    spawnSync('ip', ['netns', 'delete', namespace]);
    return `ip ${command}: ${String(done.stderr).trim()}`;
  }
  return undefined;
}

const [go, rust] = [buildGoPeer(join(folder, 'go-peer')), buildRustPeer()];
const missing = ('missing' in go ? go.missing : 'missing' in rust ? rust.missing : nativeMissing) || openNamespace();

after(async () => {
  await Promise.all(running.map((peer) => peer.stop()));
  spawnSync('ip', ['netns', 'delete', namespace]);
  rmSync(folder, { recursive: true, force: true });
});

test('of any two, one sees the other', { skip: missing ?? false, timeout: 180_000 }, async (context) => {
  if ('missing' in go || 'missing' in rust) return;
  const inside = ['ip', 'netns', 'exec', namespace] as const;
  const own = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'own-peer.ts')];
  const start = async (name: string, ...command: string[]): Promise<InteropPeer> => {
    const peer = await InteropPeer.start(name, [...inside, ...command], { seed: toHex(randomBytes(32)), listen: ['/ip4/10.78.0.1/tcp/0'], bootstrap: [], mdns: '_p2p._udp' });
    running.push(peer);
    return peer;
  };
  const peers = [
    await start('native', ...own, 'native'), await start('js', ...own, 'js'),
    await start('rust', ...rust.command), await start('go 1', ...go.command), await start('go 2', ...go.command),
  ];
  const sees = async (who: InteropPeer, whom: InteropPeer): Promise<boolean> => ((await who.ask('discovered'))['peers'] as Found[]).some(({ peer }) => peer === whom.peer);
  // One direction is enough: who sees dials.
  for (const [index, one] of peers.entries()) {
    for (const other of peers.slice(index + 1)) {
      await until(async () => (await sees(one, other)) || (await sees(other, one)), `${one.name} and ${other.name} find each other`, 60_000);
    }
  }
  for (const who of peers) {
    const seen: string[] = [];
    for (const whom of peers) if (whom !== who && (await sees(who, whom))) seen.push(whom.name);
    context.diagnostic(`${who.name} sees ${seen.join(', ') || 'nobody'}`);
  }
});
