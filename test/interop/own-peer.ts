/** A host of ours as a process that is driven like the peers of other makes: `start` (with `make`: native or js) and `discovered`. */
import { createInterface } from 'node:readline';
import { fromHex } from '../../src/std/std.ts';
import { makeJsHost, makeNativeHost } from '../host/makers.ts';
import type { PeerOptions } from './peer.ts';

const found = new Map<string, readonly string[]>();

async function start(make: string | undefined, { seed, listen, mdns }: PeerOptions): Promise<object> {
  const host = await (make === 'js' ? makeJsHost : makeNativeHost)({ seed: fromHex(seed), listen, mdns: mdns !== undefined, allow: ['10.0.0.0/8'] });
  host.on({ discovered: ({ peer, multiaddrs }, source) => { if (source === 'mdns') found.set(peer, multiaddrs); } });
  return { peer: host.peerId, addresses: host.multiaddrs() };
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const asked = JSON.parse(line) as PeerOptions & { id: number; op: string };
  const answer = asked.op === 'start'
    ? start(process.argv[2], asked).catch((error: unknown) => ({ error: String(error) }))
    : Promise.resolve({ peers: [...found].map(([peer, addresses]) => ({ peer, addresses })) });
  void answer.then((given) => process.stdout.write(`${JSON.stringify({ ...given, id: asked.id })}\n`));
});
lines.on('close', () => process.exit());
