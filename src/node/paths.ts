/**
 * Which variants this process runs: what passed its self-test and was measured to be fastest, or what `--force` says;
 * never silently another.
 */
import { statSync } from 'node:fs';
import {
  choose, detectProcessor, parseForce, wantedCodec,
  type CalibrationReport, type Contender, type Forced, type Processor, type StageChoice, type StagePlan,
} from '../capabilities/capabilities.ts';
import { createNativeCodec, createPortableCodec, createWasmCodec, loadWasmLater, type Codec, type WasmLoad } from '../codec/codec.ts';
import { PangeaError } from '../errors/errors.ts';
import { loadNative, type Native, type NativeLoad } from '../native/native.ts';
import { systemClock, type Clock } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { calibrationBudgetMs, calibrationFile, openCalibrator, stagesBudgetMs, type CalibrationOptions } from './calibration.ts';
import { hiddenObstacle, measurableCodec, measurableStages, nativeObstacle, stageNames, tryCodecs, tryStages } from './self-tests.ts';
import { version } from './version.ts';

export interface LoadedPaths {
  readonly forced: Forced;
  readonly native: NativeLoad;
}

export interface Paths extends LoadedPaths {
  readonly codec: Codec;
  /** For `codec` and the stages inside the native one. */
  readonly choices: readonly StageChoice[];
  readonly calibration: CalibrationReport;
}

export interface PathOptions {
  readonly logger: Logger;
  /** `cached` unless given. */
  readonly calibrate?: CalibrationOptions['mode'];
  readonly clock?: Clock;
  /** For tests: what else than this build's own. */
  readonly native?: NativeLoad;
  readonly wasm?: WasmLoad;
  /** Where rates are kept; null keeps none. */
  readonly cacheFile?: string | null;
}

/** What is forced, and the addon unless it is hidden: enough where no codec is needed. */
export function loadPaths(force: readonly string[], load: NativeLoad = loadNative()): LoadedPaths {
  const forced = parseForce(force);
  return { forced, native: forced.hidden?.includes('native') ? { ok: false, reason: 'hidden by --force no-native' } : load };
}

/**
 * Tests and measures for at most `calibrationBudgetMs` and the few ms of the self-tests, then gives the codec. Throws
 * `BACKEND_UNAVAILABLE` when what is forced cannot be had.
 */
export async function choosePaths(force: readonly string[], options: PathOptions): Promise<Paths> {
  const { logger, clock = systemClock, cacheFile = calibrationFile() } = options;
  const { forced, native } = loadPaths(force, options.native);
  const wasm = options.wasm ?? (await loadWasmLater());
  const processor = await detectProcessor(options.native ?? loadNative());
  const calibrator = await openCalibrator({
    file: cacheFile ?? undefined, key: machineKey(processor, options.native ?? loadNative(), wasm), mode: options.calibrate ?? 'cached',
    keep: wantedCodec(forced) === undefined && forced.hidden === undefined, clock, logger,
  });

  const stages = await tryStages({ load: native, processor, forced });
  const blocked = nativeObstacle(native, stages);
  const wanted = wantedCodec(forced);
  if (blocked !== undefined && wanted === 'native') {
    const stage = (['reed-solomon', 'seal', 'codec'] as const).find((each) => forced[each] !== undefined) ?? 'codec';
    throw new PangeaError('BACKEND_UNAVAILABLE', `${stage}=${forced[stage]} is forced, but ${blocked}`);
  }
  const stageRates = await calibrator.rates(native.ok ? measurableStages(native.native, stages) : [], stagesBudgetMs);
  const inside = stageNames.map((stage) => choose(stage, rated(stage, stages[stage], stageRates), wanted === 'native' ? forced[stage] : undefined));

  const wasmCodec = (threads: { threads?: number }): Codec => {
    if (!wasm.ok) throw new PangeaError('BACKEND_UNAVAILABLE', wasm.reason);
    return createWasmCodec(wasm, threads);
  };
  // Only tried, it gets no threads: they would stay, each with an instance.
  const wasmThreads = blocked !== undefined || wanted === 'wasm' ? {} : { threads: 0 };
  const { codecs, contenders } = await tryCodecs([
    { path: 'native', obstacle: blocked, make: () => createNativeCodec(nativeOf(native), { kernel: pickOf(inside, 'reed-solomon'), cipher: pickOf(inside, 'seal') }) },
    { path: 'wasm', obstacle: hiddenObstacle('codec', 'wasm', forced.hidden) ?? (wasm.ok ? undefined : wasm.reason), make: () => wasmCodec(wasmThreads) },
    { path: 'portable', lastResort: 'it holds the event loop, some 30 ms for 8 MiB', make: createPortableCodec },
  ]);
  const measurable = contenders.filter(({ obstacle }) => obstacle === undefined).map(({ path }) => measurableCodec(path, codecs.get(path) as Codec, clock));
  // With another kernel or cipher the native codec has another rate than the one that is kept.
  const usual = forced.hidden === undefined && forced['reed-solomon'] === undefined && forced.seal === undefined;
  const codecRates = await calibrator.rates(measurable, calibrationBudgetMs, usual);
  const choices = [choose('codec', rated('codec', contenders, codecRates), wanted), ...inside];
  warnOfQuarantine(choices, logger);
  const taken = pickOf(choices, 'codec');
  const codec = taken === 'wasm' && wasmThreads.threads === 0 ? wasmCodec({}) : codecs.get(taken);
  if (codec === undefined) throw new PangeaError('BACKEND_UNAVAILABLE', `no codec passes its self-test: ${contenders.map(({ path, obstacle }) => `${path}: ${obstacle}`).join('; ')}`);
  return { forced, native, codec, choices, calibration: await calibrator.finish() };
}

/** True when the native variant of a stage is to be taken. Throws `BACKEND_UNAVAILABLE` when it is forced but not there. */
export function wantsNative(stage: 'store' | 'host' | 'transport', forced: Forced, native: NativeLoad): boolean {
  const wanted = forced[stage];
  const nativeName = stage === 'transport' ? 'quic' : 'native';
  if (wanted === nativeName && !native.ok) throw new PangeaError('BACKEND_UNAVAILABLE', `${stage}=${wanted} is forced, but ${native.reason}`);
  return native.ok && (wanted === undefined || wanted === nativeName);
}

export function nativeOf(load: NativeLoad): Native {
  if (!load.ok) throw new PangeaError('NATIVE_UNAVAILABLE', load.reason);
  return load.native;
}

/** All that rates depend on, as one line that a person can read in the plan. */
export function machineKey({ architecture, cpuModel, cores, cpu }: Processor, load: NativeLoad, wasm: WasmLoad): string {
  const features = Object.entries(cpu).filter(([, there]) => there).map(([name]) => name);
  return [
    `${process.platform} ${architecture}`, cpuModel, `${cores} cores`, features.join(' ') || 'no vector features', `pangea-node ${version}`,
    `node ${process.versions.node}`, load.ok ? `addon ${load.native.abiVersion()} ${buildOf(load.path)}` : 'no addon', wasm.ok ? `wasm ${buildOf(wasm.path)}` : 'no wasm',
  ].join('; ');
}

/** Length and time of the file: reading 40 MB for a hash at every start would cost more than it tells. */
function buildOf(path: string): string {
  const { size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0, mtimeMs: 0 };
  return `${size}@${Math.round(mtimeMs)}`;
}

function rated(stage: StagePlan['stage'], contenders: readonly Contender[], rates: ReadonlyMap<string, number>): Contender[] {
  return contenders.map((each) => {
    const bytesPerSecond = rates.get(`${stage}/${each.path}`);
    return bytesPerSecond === undefined ? each : { ...each, bytesPerSecond };
  });
}

function pickOf(choices: readonly StageChoice[], stage: StagePlan['stage']): string {
  return choices.find((each) => each.stage === stage)?.path ?? '';
}

function warnOfQuarantine(choices: readonly StageChoice[], logger: Logger): void {
  for (const { stage, path, candidates } of choices) {
    for (const bad of candidates.filter(({ quarantined }) => quarantined)) {
      logger.warn({ stage, quarantined: bad.path, reason: bad.reason, instead: path }, 'a path failed its self-test and is not used');
    }
  }
}
