/** What could run here, each tried before it may: the stages inside the native codec, and the codecs as wholes. */
import { setImmediate as turn } from 'node:timers/promises';
import {
  cipherNeeds, features, hiddenNeed, kernelNeeds, lackingNeed, type Contender, type Feature, type Forced, type Processor, type StagePlan,
} from '../capabilities/capabilities.ts';
import { selfTestCodec, type Codec } from '../codec/codec.ts';
import type { Native, NativeLoad } from '../native/native.ts';
import type { Clock } from '../std/std.ts';
import type { Measurable } from './calibration.ts';

export const stageNames = ['compress', 'seal', 'reed-solomon', 'hash'] as const;
type NativeStage = (typeof stageNames)[number];

/** Candidates of one stage inside the native codec, best first by expectation. */
export type Stages = Readonly<Record<NativeStage, readonly Contender[]>>;

interface StageOptions {
  readonly load: NativeLoad;
  readonly processor: Processor;
  readonly forced: Forced;
}

/** Lets other work run between two tests, each of which takes less than 5 ms. */
const pause = async (): Promise<void> => turn();

/** Why the native codec cannot be had at all, or undefined. */
export function nativeObstacle(load: NativeLoad, stages: Stages): string | undefined {
  if (!load.ok) return load.reason;
  if (!hasCodec(load.native)) return 'the addon was built without its codec';
  const stuck = stageNames.find((stage) => !stages[stage].some(isFree));
  return stuck === undefined ? undefined : `no path of ${stuck} can be taken: ${stages[stuck].map(({ path, obstacle }) => `${path}: ${obstacle}`).join('; ')}`;
}

/** Runs the self-test of every kernel and library in the addon that is not hidden, and names what this machine lacks. */
export async function tryStages({ load, processor, forced }: StageOptions): Promise<Stages> {
  if (!load.ok || !hasCodec(load.native)) return { 'reed-solomon': [], seal: [], hash: [], compress: [] };
  const { native } = load;
  const { kernels, ciphers, hash } = native.cesCandidates();
  const tried = async (stage: NativeStage, paths: readonly string[]): Promise<Contender[]> => {
    const contenders: Contender[] = [];
    for (const path of paths) {
      const obstacle = hiddenObstacle(stage, path, forced.hidden);
      contenders.push(obstacle === undefined ? tested(path, native, stage) : { path, obstacle });
      await pause();
    }
    return contenders;
  };
  const lacking = (stage: 'reed-solomon' | 'seal', known: Readonly<Record<string, readonly Feature[]>>, here: readonly string[]): Contender[] =>
    Object.keys(known).filter((path) => {
      const needs = known[path] ?? [];
      const foreign = needs.includes('neon') !== (processor.architecture === 'arm64');
      return needs.includes('native') && !here.includes(path) && (!foreign || forced[stage] === path);
    }).map((path) => {
      const lacks = lackingNeed(stage, path, processor.cpu);
      return { path, obstacle: lacks === undefined ? 'not in this addon' : `this processor has no ${features[lacks]}` };
    });
  return {
    'reed-solomon': [...(await tried('reed-solomon', kernels)), ...lacking('reed-solomon', kernelNeeds, kernels)],
    seal: [...(await tried('seal', ciphers)), ...lacking('seal', cipherNeeds, ciphers)],
    hash: await tried('hash', [hash]),
    // By the name that the codec gives it: there is one zstd in an addon.
    compress: await tried('compress', ['zstd']),
  };
}

/** Builds each codec that nothing stands against, and checks it through its contract. */
export async function tryCodecs(makers: readonly {
  readonly path: string;
  readonly obstacle?: string | undefined;
  readonly lastResort?: string;
  readonly make: () => Codec;
}[]): Promise<{ codecs: ReadonlyMap<string, Codec>; contenders: readonly Contender[] }> {
  const codecs = new Map<string, Codec>();
  const contenders: Contender[] = [];
  for (const { path, obstacle, lastResort, make } of makers) {
    if (obstacle !== undefined) {
      contenders.push({ path, obstacle });
      continue;
    }
    const codec = make();
    const failure = await selfTestCodec(codec, pause);
    codecs.set(path, codec);
    contenders.push({ ...(failure === null ? { path } : quarantined(path, failure)), ...(lastResort === undefined ? {} : { lastResort }) });
  }
  return { codecs, contenders };
}

export function hiddenObstacle(stage: StagePlan['stage'], path: string, hidden: readonly Feature[] = []): string | undefined {
  const need = hiddenNeed(stage, path, hidden);
  return need === undefined ? undefined : `hidden by --force no-${need}`;
}

const segments = 8;
/** Of one row: eight and what is made of them fit the second-level cache. */
const pieceBytes = 64 * 1024;
/** Of a stripe that a codec makes on the event loop, in under 5 ms also before it is compiled. */
const segmentBytes = 32 * 1024;
/** The first round of a call pays for fetching its buffers into the cache. */
const roundsInCall = 2;
const leastCalls = 3;

/** Each candidate that may be taken. */
export function measurableStages(native: Native, stages: Stages): Measurable[] {
  const free = (stage: NativeStage): string[] => stages[stage].filter(isFree).map(({ path }) => path);
  const [[kernel], [cipher]] = [free('reed-solomon'), free('seal')];
  if (kernel === undefined || cipher === undefined) return [];
  let data: Buffer | undefined;
  const ops = { 'reed-solomon': 'rs-encode', seal: 'seal', hash: 'hash', compress: 'compress' } as const;
  return stageNames.flatMap((stage) => free(stage).map((path): Measurable => ({
    name: `${stage}/${path}`,
    async measure(roundMs) {
      const engine = { kernel: stage === 'reed-solomon' ? path : kernel, cipher: stage === 'seal' ? path : cipher };
      data ??= material();
      const rates = await native.cesMeasure({ op: ops[stage], ...engine, level: 3, bytes: pieceBytes, rounds: roundsInCall, roundMs, threads: 1, data });
      return Math.max(0, ...rates);
    },
  })));
}

/** A codec as a whole: a stripe, stored, as a put of incompressible data makes it. The shortest call of a round counts. */
export function measurableCodec(path: string, codec: Codec, clock: Clock): Measurable {
  let plaintext: Buffer | undefined;
  return {
    name: `codec/${path}`,
    async measure(roundMs) {
      plaintext ??= material().subarray(0, segments * segmentBytes);
      const request = {
        plaintext: [plaintext], segmentLengths: Array.from({ length: segments }, () => segmentBytes), key: new Uint8Array(32),
        context: { salt: new Uint8Array(32), stripe: 0, segmentsInStripe: segments }, compression: 'store',
      } as const;
      const end = clock.monotonicMs() + roundMs;
      let shortestMs = Infinity;
      // Not their mean: a call that waits until the system runs another thread says nothing of the codec.
      for (let calls = 0; calls < leastCalls || clock.monotonicMs() < end; calls++) {
        const started = clock.monotonicMs();
        const { shards } = await codec.encodeStripe(request);
        shortestMs = Math.min(shortestMs, clock.monotonicMs() - started);
        for (const shard of shards) shard.release();
        await pause();
      }
      return (plaintext.length * 1000) / shortestMs;
    },
  };
}

const isFree = ({ obstacle }: Contender): boolean => obstacle === undefined;

function hasCodec(native: Partial<Native>): boolean {
  return native.cesCandidates !== undefined;
}

/** Eight pieces that zstd finds a little in: words of four letters drawn from 64, the same on every machine. */
function material(): Buffer {
  const data = Buffer.allocUnsafeSlow(segments * pieceBytes);
  let state = 1;
  for (let at = 0; at < data.length; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data.writeUInt32LE(Math.imul(state >>> 26, 0x9e37_79b1) >>> 0, at);
  }
  return data;
}

function tested(path: string, native: Native, stage: NativeStage): Contender {
  try {
    const failure = native.cesSelfTest(stage, path);
    return failure === null ? { path } : quarantined(path, failure);
  } catch (error) {
    return quarantined(path, error instanceof Error ? error.message : String(error));
  }
}

function quarantined(path: string, failure: string): Contender {
  return { path, obstacle: `self-test: ${failure}`, quarantined: true };
}
