/**
 * The DHT as a node uses it, beside go-libp2p in the same network. `node bench/dht.ts [--smoke] [--json] [--runs N] [--seed N]`
 *
 * A crowd of Go nodes in few processes is the network. Two clients, ours and one in Go, do the same work in turns: in
 * each round a fresh set of keys for each of them, first one operation after the other, then sixteen at a time.
 * CPU is the client's own. Look-ups are for what a third peer has put there before.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { signPeerRecord } from '../src/dht/dht.ts';
import { identityOfSeed } from '../src/identity/identity.ts';
import { seededRandom, toHex, type Random } from '../src/std/std.ts';
import { buildGoPeer } from '../test/interop/build.ts';
import { InteropPeer, type PeerOptions } from '../test/interop/peer.ts';
import { commit, machine, quartiles, spread, table, type BenchRecord, type Row } from './record.ts';

export interface DhtOptions {
  readonly networks: readonly number[];
  readonly rounds: number;
  /** Operations a round, of each kind and client, one after the other and again in parallel. */
  readonly operations: number;
  readonly seed: number;
}

const inFlight = 16;
const nodesPerProcess = 50;
const listen = ['/ip4/127.0.0.1/tcp/0'];
const kinds = { provide: 'provide', providers: 'find a provider', get: 'get a value', closest: 'closest peers' } as const;
type Kind = keyof typeof kinds;
const clientNames = ['pangea', 'go-libp2p'] as const;
const longMs = 600_000;

export async function benchDht(options: DhtOptions): Promise<BenchRecord> {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-dht-'));
  const rows: Row[] = [];
  try {
    const go = buildGoPeer(join(directory, 'go-peer'));
    if ('missing' in go) throw new Error(`bench dht: ${go.missing}`);
    for (const nodes of options.networks) rows.push(...(await benchNetwork(nodes, go.command, options)));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return { bench: 'dht', machine: machine(), commit: commit(), seed: options.seed, rows };
}

async function benchNetwork(nodes: number, go: readonly [string, ...string[]], options: DhtOptions): Promise<Row[]> {
  const running: InteropPeer[] = [];
  const own = [process.execPath, '--disable-warning=ExperimentalWarning', fileURLToPath(new URL('dht/client.ts', import.meta.url))] as const;
  const random = seededRandom(options.seed);
  try {
    const bootstrap = await startCrowd(nodes, go, running);
    const start = async (name: string, command: readonly [string, ...string[]]): Promise<InteropPeer> => {
      const peer = await InteropPeer.start(name, command, { seed: toHex(random.bytes(32)), listen, bootstrap } satisfies PeerOptions);
      running.push(peer);
      return peer;
    };
    const publisher = await start('publisher', go);
    const clients = [await start(clientNames[0], own), await start(clientNames[1], go)];
    const content = await publish(publisher, options, random);
    const results = new Results();
    for (let round = 0; round <= options.rounds; round++) {
      for (const kind of Object.keys(kinds) as Kind[]) {
        // Who comes first has the colder network: in turns.
        for (const client of round % 2 === 0 ? clients : clients.toReversed()) {
          for (const parallel of [1, inFlight]) {
            const keys = content.keys(kind, options.operations);
            const measured = await client.ask('measure', { kind, keys, parallel, timeoutMs: longMs });
            // The first round makes the connections that a node has anyway.
            if (round > 0) results.add(kind, client.name, parallel, measured as unknown as Measured);
          }
        }
      }
    }
    return results.rows(nodes);
  } finally {
    await Promise.all(running.map((peer) => peer.stop()));
  }
}

/** The addresses of one node in ten. */
async function startCrowd(nodes: number, go: readonly [string, ...string[]], running: InteropPeer[]): Promise<string[]> {
  let bootstrap: string[] = [];
  const crowd: InteropPeer[] = [];
  for (let offset = 0; offset < nodes; offset += nodesPerProcess) {
    const peers = InteropPeer.run(`crowd ${offset}`, go);
    running.push(peers);
    crowd.push(peers);
    const entrance = async (first: number, count: number): Promise<string[]> => {
      const { addresses } = await peers.ask('crowd', { count, offset: first, listen, bootstrap: entrances(bootstrap, first), timeoutMs: longMs });
      return (addresses as string[][]).flat();
    };
    const count = Math.min(nodesPerProcess, nodes - offset);
    // The very first one has nobody to enter by.
    if (offset === 0) bootstrap = await entrance(0, 1);
    const rest = offset === 0 ? await entrance(1, count - 1) : await entrance(offset, count);
    bootstrap = [...bootstrap, ...rest.filter((_, index) => index % 10 === 0)];
  }
  for (const peers of crowd) await peers.ask('settle', { timeoutMs: longMs });
  return bootstrap.slice(0, 5);
}

/** Three, other ones for each process: what all would enter by does not keep up with them. */
function entrances(known: readonly string[], offset: number): string[] {
  return Array.from({ length: Math.min(3, known.length) }, (_, index) => known[(offset / nodesPerProcess * 7 + index) % known.length | 0] as string);
}

interface Content {
  keys(kind: Kind, count: number): string[];
}

/** What can be found: as many provided keys and values as operations in a round and client. */
async function publish(publisher: InteropPeer, { operations, rounds }: DhtOptions, random: Random): Promise<Content> {
  const provided = Array.from({ length: Math.min(operations * (rounds + 1) * 4, 400) }, () => toHex(random.bytes(32)));
  await publisher.ask('measure', { kind: 'provide', keys: provided, parallel: inFlight, timeoutMs: longMs });
  const nowMs = Date.now();
  const values: string[] = [];
  for (let count = 0; count < Math.min(operations * 4, 100); count++) {
    const identity = identityOfSeed(random.bytes(32));
    const record = signPeerRecord(identity, { sequence: nowMs, expiresMs: nowMs + 24 * 3_600_000, label: count, version: 'bench', multiaddrs: ['/ip4/127.0.0.1/tcp/1'] });
    const key = `/pangea/peer/${identity.peerId}`;
    await publisher.ask('put', { key, value: toHex(record), timeoutMs: longMs });
    values.push(key);
  }
  const turns = { providers: 0, get: 0 };
  return {
    keys: (kind, count) => Array.from({ length: count }, () => {
      if (kind === 'providers') return provided[turns.providers++ % provided.length] as string;
      if (kind === 'get') return values[turns.get++ % values.length] as string;
      return toHex(random.bytes(32));
    }),
  };
}

interface Measured {
  readonly ms: readonly number[];
  readonly seconds: number;
  readonly cpuSeconds: number;
}

class Results {
  readonly #rounds = new Map<string, Measured[]>();

  add(kind: Kind, client: string, parallel: number, measured: Measured): void {
    const key = [kind, client, parallel].join();
    this.#rounds.set(key, [...(this.#rounds.get(key) ?? []), measured]);
  }

  rows(nodes: number): Row[] {
    const rows: Row[] = [];
    for (const kind of Object.keys(kinds) as Kind[]) {
      const workload = `${kinds[kind]}, ${nodes} nodes`;
      for (const variant of clientNames) {
        const of = (parallel: number): Measured[] => this.#rounds.get([kind, variant, parallel].join()) ?? [];
        const alone = of(1);
        const push = (unit: string, values: readonly number[]): void => void rows.push({ workload, variant, unit, value: spread(values) });
        push('ms p50', alone.map(({ ms }) => quartiles(ms).median));
        push('ms p99', [percentile(alone.flatMap(({ ms }) => ms), 0.99)]);
        push(`/s, ${inFlight} at a time`, of(inFlight).map(({ ms, seconds }) => ms.length / seconds));
        push('CPU-ms each', [...alone, ...of(inFlight)].map(({ ms, cpuSeconds }) => (cpuSeconds * 1000) / ms.length));
      }
    }
    return rows;
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.ceil(share * sorted.length), sorted.length) - 1] ?? Number.NaN;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { smoke: { type: 'boolean' }, json: { type: 'boolean' }, runs: { type: 'string' }, seed: { type: 'string' }, nodes: { type: 'string' } } });
  const smoke = values.smoke === true;
  const record = await benchDht({
    networks: values.nodes === undefined ? (smoke ? [8] : [50, 500]) : values.nodes.split(',').map(Number),
    rounds: Number(values.runs ?? (smoke ? 1 : 7)),
    operations: smoke ? 4 : 40,
    seed: Number(values.seed ?? 1),
  });
  process.stdout.write(values.json === true ? `${JSON.stringify(record, null, 2)}\n` : `${table(record)}\n`);
}
