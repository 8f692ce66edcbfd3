// CES per backend and stage. `node bench/codec.ts [--smoke] [--json] [--runs N] [--seed N]`
// Rates are MiB of plaintext through the contract: a second as a caller sees it, and a second of CPU over
// all threads, which other work on the machine disturbs less.
import { createNativeCodec, createPortableCodec, type Codec, type Compression } from '../src/codec/codec.ts';
import type { Body } from '../src/body/body.ts';
import { loadNative } from '../src/native/native.ts';
import { seededRandom, type Random } from '../src/std/std.ts';
import { commit, machine, spread, table, type BenchRecord, type Row } from './record.ts';

interface Options {
  readonly runs: number;
  readonly seed: number;
  /** Plaintext of one whole block and of one stripe. */
  readonly blockBytes: number;
}

interface Workload {
  readonly name: string;
  run(codec: Codec): Promise<void>;
}

const key = new Uint8Array(32).fill(7);
const segments = 8;
const context = { salt: new Uint8Array(32), stripe: 0, segmentsInStripe: segments };
const lost = [0, 2, 5, 7];

export interface CodecRecord extends BenchRecord {
  /** What each backend's stages run on. */
  readonly kernels: Readonly<Record<string, Codec['kernels']>>;
}

/** Every workload on every backend in turn, round after round, so that the drift of the machine hits all alike. */
export async function benchCodec({ runs, seed, blockBytes }: Options): Promise<CodecRecord> {
  const load = loadNative();
  const codecs = [...(load.ok ? [createNativeCodec(load.native)] : []), createPortableCodec()];
  const random = seededRandom(seed);
  const contents: [string, Uint8Array, Compression][] = [
    ['random', random.bytes(blockBytes), { kind: 'auto', minLevel: 3, maxLevel: 9 }],
    ['text', prose(blockBytes, random), 3],
  ];
  const rows: Row[] = [];
  for (const [kind, plaintext, compression] of contents) {
    for (const workload of await workloads(kind, plaintext, compression)) {
      const rates = codecs.map(() => ({ second: [] as number[], cpuSecond: [] as number[] }));
      for (let round = 0; round <= runs; round++) {
        for (const [index, codec] of codecs.entries()) {
          const start = performance.now();
          const cpuBefore = process.cpuUsage();
          await workload.run(codec);
          const cpu = process.cpuUsage(cpuBefore);
          const elapsedMs = performance.now() - start;
          if (round === 0) continue; // warms up
          rates[index]?.second.push(blockBytes / 2 ** 20 / (elapsedMs / 1000));
          rates[index]?.cpuSecond.push(blockBytes / 2 ** 20 / (Math.max(1, cpu.user + cpu.system) / 1e6));
        }
      }
      for (const [index, codec] of codecs.entries()) {
        rows.push({ workload: workload.name, variant: codec.name, unit: 'MiB/s', value: spread(rates[index]?.second ?? []) });
        rows.push({ workload: workload.name, variant: codec.name, unit: 'MiB/CPU-s', value: spread(rates[index]?.cpuSecond ?? []) });
      }
    }
  }
  return { bench: 'codec', machine: machine(), commit: commit(), seed, rows, kernels: Object.fromEntries(codecs.map((codec) => [codec.name, codec.kernels])) };
}

async function workloads(kind: string, plaintext: Uint8Array, compression: Compression): Promise<Workload[]> {
  const size = `${plaintext.length / 2 ** 20} MiB of ${kind}`;
  const segmentBytes = plaintext.length / segments;
  const segmentLengths = Array.from({ length: segments }, () => segmentBytes);
  // The bytes to decode are the same for all: they are made once, and live in JavaScript memory.
  const maker = createPortableCodec();
  const whole = (await maker.encodeWhole({ plaintext: [plaintext], key, compression })).shards;
  const stripe = (await maker.encodeStripe({ plaintext: [plaintext], segmentLengths, key, context, compression })).shards;
  const lengths = stripe.map((shard) => shard.byteLength);
  const damaged = (shards: readonly Body[]): (Body | null)[] => shards.map((shard, row) => (lost.includes(row) ? null : shard));
  const openAll = async (codec: Codec): Promise<void> => {
    const opened = await Promise.all(segmentLengths.map((plaintextBytes, segment) =>
      codec.openSegment({ sealed: stripe[segment] as Body, segment, plaintextBytes, key, context })));
    release(opened);
  };
  return [
    { name: `whole encode, ${size}`, run: async (codec) => release((await codec.encodeWhole({ plaintext: [plaintext], key, compression })).shards) },
    { name: `whole decode, ${size}`, run: async (codec) => release([await codec.decodeWhole({ shards: whole, key, maxBytes: plaintext.length })]) },
    { name: `whole decode with 4 lost, ${size}`, run: async (codec) => release([await codec.decodeWhole({ shards: damaged(whole), key, maxBytes: plaintext.length })]) },
    { name: `stripe encode, ${size}`, run: async (codec) => release((await codec.encodeStripe({ plaintext: [plaintext], segmentLengths, key, context, compression })).shards) },
    { name: `stripe open, ${size}`, run: openAll },
    { name: `stripe rebuild 4 rows, ${size}`, run: async (codec) => release(await codec.reconstruct({ shards: damaged(stripe), lengths, rows: lost })) },
    { name: `identities, ${size}`, run: async (codec) => void (await Promise.all(stripe.map((shard) => codec.identity(shard)))) },
  ];
}

function release(bodies: readonly Body[]): void {
  for (const body of bodies) body.release();
}

/** Words drawn with a bias towards the first of them: shrinks to about a third, as prose does. */
function prose(length: number, random: Random): Uint8Array {
  const letters = 'etaoinshrdlucmfwypvbgk';
  const words = Array.from({ length: 4000 }, () =>
    Array.from({ length: 2 + random.integer(8) }, () => letters[Math.floor(letters.length * random.unit() ** 2)]).join(''));
  const out = Buffer.alloc(length);
  for (let at = 0; at < length;) at += out.write(`${words[Math.floor(words.length * random.unit() ** 3)]} `, at) || 1;
  return out;
}

if (import.meta.main) {
  const option = (name: string, otherwise: number): number => {
    const at = process.argv.indexOf(name);
    return at < 0 ? otherwise : Number(process.argv[at + 1]);
  };
  const smoke = process.argv.includes('--smoke');
  const record = await benchCodec({
    runs: option('--runs', smoke ? 3 : 15),
    seed: option('--seed', 1),
    blockBytes: smoke ? 256 * 1024 : 8 * 2 ** 20,
  });
  process.stdout.write(process.argv.includes('--json') ? `${JSON.stringify(record, null, 2)}\n` : `${table(record)}\n`);
}
