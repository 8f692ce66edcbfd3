// Requests between two processes on loopback. `node bench/transport.ts [--smoke] [--json] [--runs N] [--seed N]`
// MiB/s is what the sender sees; CPU is that of both processes. The lossy path delays 50 ms and drops 1 % each way.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { bodyFrom, emptyBody, nativeBody, type Body } from '../src/body/body.ts';
import { openJsHost } from '../src/host/host.ts';
import type { PeerId } from '../src/ids/ids.ts';
import { loadNative } from '../src/native/native.ts';
import { seededRandom, systemClock, systemRandom } from '../src/std/std.ts';
import { discardMetrics, silentLogger } from '../src/telemetry/telemetry.ts';
import { openLibp2pTransport, openQuicTransport, type Hello, type Transport } from '../src/transport/transport.ts';
import { lossyPath } from '../test/transport/lossy-path.ts';
import { commit, machine, spread, table, type BenchRecord, type Row } from './record.ts';

type Variant = 'quic bbr' | 'quic cubic' | 'libp2p js';

interface Options {
  readonly runs: number;
  readonly seed: number;
  readonly bodyBytes: number;
  readonly requests: number;
  readonly lossyRequests: number;
}

const inFlight = 16;
const allow = ['127.0.0.0/8'];
const hello: Hello = {
  label: 0, version: 'bench', quicAddresses: [], multiaddrs: [], certificate: new Uint8Array(), storing: true, freeBytes: 0, failureDomain: '',
};

async function open(variant: Variant, seedByte: number): Promise<Transport> {
  const seed = new Uint8Array(32).fill(seedByte);
  const greet = { hello: () => hello, onHello: () => true };
  if (variant === 'libp2p js') {
    const host = await openJsHost({
      seed, listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap: [], mdns: false, allow, acceptRecord: () => true, agentVersion: 'bench',
      permits: () => true, clock: systemClock, logger: silentLogger,
    });
    return openLibp2pTransport({ host, clock: systemClock, logger: silentLogger, ...greet });
  }
  const loaded = loadNative();
  if (!loaded.ok) throw new Error(loaded.reason);
  return openQuicTransport({
    native: loaded.native, seed, listen: '127.0.0.1:0', allow, clock: systemClock, random: systemRandom, logger: silentLogger,
    metrics: discardMetrics, congestion: variant === 'quic cubic' ? 'cubic' : 'bbr', ...greet,
  });
}

/** The receiving process: answers puts at once, and tells its CPU time when asked. */
async function serve(variant: Variant): Promise<void> {
  const transport = await open(variant, 1);
  await transport.listen(async () => ({ status: 0, answer: { durability: 'memory' }, body: emptyBody }));
  process.on('message', () => process.send?.(process.cpuUsage()));
  process.on('disconnect', () => process.exit());
  process.send?.({ peer: transport.localPeer, addresses: transport.addresses() });
}

class Receiver {
  readonly #child: ChildProcess;

  constructor(variant: Variant) {
    this.#child = fork(fileURLToPath(import.meta.url), ['--serve', variant]);
  }

  async ready(): Promise<{ peer: PeerId; addresses: string[] }> {
    const [message] = (await once(this.#child, 'message')) as [{ peer: PeerId; addresses: string[] }];
    return message;
  }

  async cpuSeconds(): Promise<number> {
    this.#child.send('cpu');
    const [usage] = (await once(this.#child, 'message')) as [NodeJS.CpuUsage];
    return (usage.user + usage.system) / 1e6;
  }

  close(): void {
    this.#child.disconnect();
  }
}

interface Measured {
  readonly rate: number;
  readonly cpuPerGiB: number;
}

async function puts(transport: Transport, peer: PeerId, body: Body, count: number, receiver: Receiver): Promise<Measured> {
  const put = { type: 'put', object: new Uint8Array(32), stripe: 0, row: 0, identity: new Uint8Array(32), durability: 'memory', repair: false } as const;
  const own = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;
  const cpuBefore = own() + (await receiver.cpuSeconds());
  const start = performance.now();
  let left = count;
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, async () => {
    while (left-- > 0) {
      const reply = await transport.request(peer, put, { body, timeoutMs: 120_000 });
      if (reply.status !== 0) throw new Error(reply.message);
    }
  }));
  const seconds = (performance.now() - start) / 1000;
  const cpu = own() + (await receiver.cpuSeconds()) - cpuBefore;
  const mebibytes = (count * body.byteLength) / 2 ** 20;
  return { rate: mebibytes / seconds, cpuPerGiB: (cpu / mebibytes) * 1024 };
}

export async function benchTransport({ runs, seed, bodyBytes, requests, lossyRequests }: Options): Promise<BenchRecord> {
  const loaded = loadNative();
  const content = bodyFrom(seededRandom(seed).bytes(bodyBytes));
  const body = loaded.ok ? nativeBody(loaded.native, content) : content;
  const rows: Row[] = [];
  for (const variant of [...(loaded.ok ? (['quic bbr', 'quic cubic'] as const) : []), 'libp2p js'] as const) {
    const receiver = new Receiver(variant);
    const { peer, addresses } = await receiver.ready();
    const transport = await open(variant, 2);
    await transport.listen(async () => ({ status: 1, message: '' }));
    transport.setAddresses(peer, addresses);
    const size = `${bodyBytes / 2 ** 20} MiB`;
    const clean: Measured[] = [];
    const pings: number[] = [];
    for (let round = 0; round <= runs; round++) {
      const measured = await puts(transport, peer, body, round === 0 ? Math.ceil(requests / 4) : requests, receiver);
      if (round > 0) clean.push(measured); // the first warms up
      for (let i = 0; i < 50; i++) {
        const start = performance.now();
        await transport.request(peer, { type: 'ping' });
        pings.push(performance.now() - start);
      }
    }
    rows.push({ workload: `put ${size}, ${inFlight} in flight`, variant, unit: 'MiB/s', value: spread(clean.map(({ rate }) => rate)) });
    rows.push({ workload: `put ${size}, ${inFlight} in flight`, variant, unit: 'CPU-s/GiB', value: spread(clean.map(({ cpuPerGiB }) => cpuPerGiB)) });
    rows.push({ workload: 'ping', variant, unit: 'ms', value: spread(pings) });
    const [address = ''] = addresses;
    if (variant !== 'libp2p js') {
      await transport.disconnect(peer);
      const path = await lossyPath({ target: Number(address.split(':').at(-1)), delayMs: 50, lossRate: 0.01, seed });
      transport.setAddresses(peer, [`127.0.0.1:${path.port}`]);
      const lossy: number[] = [];
      for (let round = 0; round < runs; round++) lossy.push((await puts(transport, peer, body, lossyRequests, receiver)).rate);
      rows.push({ workload: `put ${size}, 50 ms and 1 % lost each way`, variant, unit: 'MiB/s', value: spread(lossy) });
      await transport.disconnect(peer);
      path.close();
    }
    await transport.close(0);
    receiver.close();
  }
  return { bench: 'transport', machine: machine(), commit: commit(), seed, rows };
}

if (import.meta.main) {
  const serving = process.argv.indexOf('--serve');
  if (serving >= 0) await serve(process.argv[serving + 1] as Variant);
  else {
    const option = (name: string, otherwise: number): number => {
      const at = process.argv.indexOf(name);
      return at < 0 ? otherwise : Number(process.argv[at + 1]);
    };
    const smoke = process.argv.includes('--smoke');
    const record = await benchTransport({
      runs: option('--runs', smoke ? 1 : 5),
      seed: option('--seed', 1),
      bodyBytes: smoke ? 64 * 1024 : 2 ** 20,
      requests: smoke ? 32 : 1024,
      lossyRequests: smoke ? 4 : 32,
    });
    process.stdout.write(process.argv.includes('--json') ? `${JSON.stringify(record, null, 2)}\n` : `${table(record)}\n`);
    process.exit();
  }
}
