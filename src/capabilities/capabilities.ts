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

/** One candidate path of a stage, in the order of preference. */
export interface PathCandidate {
  readonly path: string;
  readonly usable: boolean;
  readonly reason: string;
}

export interface StagePlan {
  readonly stage: 'codec' | 'compress' | 'seal' | 'reed-solomon' | 'hash' | 'store' | 'transport' | 'host' | 'firewall';
  readonly chosen: string;
  readonly why: string;
  readonly forced: boolean;
  readonly rejected: readonly PathCandidate[];
}

/** `--force stage=path` as parsed from the command line. */
export type Forced = Readonly<Partial<Record<StagePlan['stage'], string>>>;

export { detectCapabilities, type DetectOptions } from './detect.ts';
export { planStages, type PlanInput } from './plan.ts';
export { parseForce } from './force.ts';
