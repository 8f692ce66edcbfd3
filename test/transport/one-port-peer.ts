/** One node's network with one UDP port, for `one-port-nat.test.ts`: JSON lines in, JSON lines out. */
import { createInterface } from 'node:readline';
import { emptyBody } from '../../src/body/body.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { openOnePort } from './one-port-ends.ts';

const [relay] = process.argv.slice(2);
const { host, quic, all, close } = await openOnePort({
  host: { allow: ['20.0.0.0/24'], nat: { relays: relay === undefined ? [] : [relay], serveRelay: relay === undefined, upnp: false } },
  quic: { listen: '0.0.0.0:9090', allow: ['20.0.0.0/24'] },
  handler: async () => ({ status: 0, answer: { liveBytes: 1, freeBytes: 2, objects: 3, label: 4 }, body: emptyBody }),
});
say({ peer: host.peerId, addresses: host.multiaddrs() });
for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, address = '', peer } = JSON.parse(line) as { do: string; address?: string; peer?: PeerId };
  try {
    if (what === 'dial') await host.dial(address, 15_000);
    if (what === 'request' && peer) await all.request(peer, { type: 'stat' }, { timeoutMs: 10_000 });
    if (what === 'shards' && peer) await quic.request(peer, { type: 'stat' }, { timeoutMs: 5_000 });
    say({ path: peer && host.pathTo(peer), nat: host.natReport(), overQuic: peer !== undefined && quic.connectedPeers().includes(peer) });
  } catch (error) {
    say({ failed: String(error) });
  }
}
await close();

function say(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
