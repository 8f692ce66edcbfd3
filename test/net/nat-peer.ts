/** One libp2p host for `nat-matrix.ts`, driven by JSON lines: `{ "do": "dial" | "report" | "echo" | "relays", … }` in, `{ "done": … }` out. */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { bodyFrom } from '../../src/body/body.ts';
import { openNativeHost } from '../../src/host/host.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { loadNative } from '../../src/native/native.ts';
import { systemClock, systemRandom } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';

const { values } = parseArgs({ options: { listen: { type: 'string', multiple: true }, relay: { type: 'string' }, carry: { type: 'boolean', default: false }, upnp: { type: 'boolean', default: false } } });
const loaded = loadNative();
if (!loaded.ok) throw new Error(loaded.reason);
const echo = '/pangea/test-echo/1.0.0';
const host = await openNativeHost({
  native: loaded.native, clock: systemClock, logger: silentLogger, seed: systemRandom.bytes(32), listen: values.listen ?? [],
  bootstrap: [], mdns: false, allow: ['20.0.0.0/24'], acceptRecord: () => false, agentVersion: 'nat-peer',
  nat: { relays: values.relay ? [values.relay] : [], serveRelay: values.carry, upnp: values.upnp },
});
host.handle(echo, async (stream) => {
  for (let body = await stream.read(); body; body = await stream.read()) {
    await stream.write(body);
    body.release();
  }
  await stream.closeWrite();
});
say({ peer: host.peerId });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as { do: string; address?: string; peer?: PeerId; bytes?: number };
  try {
    say({ done: await run(command) });
  } catch (error) {
    say({ failed: String(error) });
  }
}
await host.close();

async function run({ do: what, address = '', peer, bytes = 0 }: { do: string; address?: string; peer?: PeerId; bytes?: number }): Promise<unknown> {
  if (what === 'dial') return host.dial(address, 15_000);
  if (what === 'echo') return roundTrip(peer as PeerId, bytes);
  return { addresses: host.multiaddrs(), path: peer && host.pathTo(peer), nat: host.natReport() };
}

/** Milliseconds for so many bytes there and back. */
async function roundTrip(peer: PeerId, bytes: number): Promise<number> {
  const start = systemClock.monotonicMs();
  const stream = await host.openStream(peer, echo);
  const piece = bodyFrom(new Uint8Array(64 * 1024).fill(7));
  const writing = (async () => {
    for (let at = 0; at < bytes; at += piece.byteLength) await stream.write(piece);
    await stream.closeWrite();
  })();
  let received = 0;
  for (let body = await stream.read(); body; body = await stream.read()) {
    received += body.byteLength;
    body.release();
  }
  await writing;
  stream.reset();
  if (received < bytes) throw new Error(`${received} of ${bytes} bytes came back`);
  return systemClock.monotonicMs() - start;
}

function say(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
