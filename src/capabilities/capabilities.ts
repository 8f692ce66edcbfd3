/**
 * What this machine can do, as plain data. Each entry is found by trying the very operation that will be used
 * (io_uring: a ring is set up and a no-op completed; eBPF: a program is loaded), never by version numbers alone.
 */
export interface Probe {
  readonly available: boolean;
  /** Why not, or what was tried successfully. */
  readonly detail: string;
}

export interface Capabilities {
  readonly platform: string;
  readonly architecture: string;
  readonly cpuModel: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly cpu: {
    readonly ssse3: boolean; readonly avx2: boolean; readonly avx512: boolean; readonly gfni: boolean; readonly neon: boolean;
  };
  readonly ioUring: Probe;
  readonly ebpf: Probe;
  readonly native: Probe;
}

/** What `--force no-FEATURE` can hide from the choice. */
export type Feature = keyof Capabilities['cpu'] | 'simd128' | 'native';

/** One candidate path of a stage, in the order of preference. */
export interface PathCandidate {
  readonly path: string;
  readonly usable: boolean;
  readonly reason: string;
  /** Present and true: it runs here, but gave wrong results in its self-test. */
  readonly quarantined?: boolean;
  /** Bytes of data a second on one thread, best round of the calibration; left out where nothing was measured. */
  readonly bytesPerSecond?: number;
}

export interface StagePlan {
  readonly stage: 'codec' | 'compress' | 'seal' | 'reed-solomon' | 'hash' | 'store' | 'transport' | 'host' | 'firewall';
  readonly chosen: string;
  readonly why: string;
  readonly forced: boolean;
  /** Of the chosen path, where it was measured. */
  readonly bytesPerSecond?: number;
  /** All paths of the stage, the chosen one among them. */
  readonly candidates: readonly PathCandidate[];
  /** The candidates without the chosen one. */
  readonly rejected: readonly PathCandidate[];
}

/** What was picked for one stage before anything was built; the plan compares it with what runs. */
export interface StageChoice {
  readonly stage: StagePlan['stage'];
  /** Left undefined when no candidate can be taken. */
  readonly path: string | undefined;
  readonly why: string;
  readonly candidates: readonly PathCandidate[];
}

/** `--force stage=path` and `--force no-feature` as parsed from the command line. */
export type Forced = Readonly<Partial<Record<StagePlan['stage'], string>>> & { readonly hidden?: readonly Feature[] };

/** Where the rates of a plan come from. */
export interface CalibrationReport {
  readonly source: 'cached' | 'fresh' | 'none';
  /** Why there is none, or why it is not complete. */
  readonly detail: string;
  /** Wall clock, milliseconds since 1970; 0 where there is none. */
  readonly madeMs: number;
  readonly tookMs: number;
  /** What the rates depend on: processor, features, cores, versions and builds. The key of the cache. */
  readonly machine: string;
}

export { detectCapabilities, detectProcessor, type DetectOptions, type Processor } from './detect.ts';
export { planStages, type PlanInput } from './plan.ts';
export { parseForce, wantedCodec } from './force.ts';
export { choose, type Contender } from './choose.ts';
export { features, hiddenNeed, kernelNeeds, cipherNeeds, lackingNeed } from './features.ts';
export { formatCalibrations, maxCalibrationFileBytes, parseCalibrations, type Calibration } from './calibration-file.ts';
