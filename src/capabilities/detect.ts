import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { cpuFlags } from 'systeminformation';
import type { Native, NativeLoad } from '../native/native.ts';
import type { Capabilities, Probe } from './capabilities.ts';

export interface DetectOptions {
  readonly native: NativeLoad;
  /** Where the store will be: io_uring is tried on its file system. The system's temporary directory when left out. */
  readonly directory?: string;
}

export type Processor = Pick<Capabilities, 'architecture' | 'cpuModel' | 'cores' | 'cpu'>;

/** The part that the choice of kernels needs, before there is a data directory. */
export async function detectProcessor(load: NativeLoad): Promise<Processor> {
  const native = withProbes(load);
  return {
    architecture: process.arch,
    cpuModel: cpus()[0]?.model.trim() ?? 'unknown',
    // Follows what this process was given (affinity, cgroup), not what the machine has.
    cores: availableParallelism(),
    cpu: native.ok ? native.native.probeCpu() : await cpuFromSystem(),
  };
}

/** Looks once, at start-up; takes some milliseconds. Never throws for a machine that lacks something. */
export async function detectCapabilities(options: DetectOptions): Promise<Capabilities> {
  const native = withProbes(options.native);
  const directory = options.directory ?? tmpdir();
  const [processor, ioUring, ebpf] = await Promise.all([
    detectProcessor(options.native),
    native.ok ? native.native.probeIoUring(directory) : unknown(native.reason),
    native.ok ? native.native.probeEbpf() : unknown(native.reason),
  ]);
  return {
    platform: process.platform,
    ...processor,
    memoryBytes: usableMemoryBytes(totalmem(), process.constrainedMemory()),
    ioUring,
    ebpf,
    native: options.native.ok ? { available: true, detail: options.native.path } : { available: false, detail: options.native.reason },
  };
}

/** The cgroup's limit where there is one; 0 or a number beyond all memory means none. */
export function usableMemoryBytes(totalBytes: number, constrainedBytes: number): number {
  return constrainedBytes > 0 ? Math.min(totalBytes, constrainedBytes) : totalBytes;
}

/** From the flags that the system lists, on x86; every AArch64 processor has NEON. */
export function cpuFromFlags(architecture: string, flags: string): Capabilities['cpu'] {
  const listed = new Set(flags.toLowerCase().split(/\s+/));
  const x86 = architecture === 'x64';
  return {
    ssse3: x86 && listed.has('ssse3'),
    avx2: x86 && listed.has('avx2'),
    avx512: x86 && ['avx512f', 'avx512bw', 'avx512vl'].every((flag) => listed.has(flag)),
    gfni: x86 && listed.has('gfni'),
    neon: architecture === 'arm64',
  };
}

async function cpuFromSystem(): Promise<Capabilities['cpu']> {
  // Only x86 is asked: elsewhere the answer is known, and the question starts a process on some systems.
  return cpuFromFlags(process.arch, process.arch === 'x64' ? await cpuFlags() : '');
}

/** An addon made with only some of its parts may lack the probes: then it cannot tell. */
function withProbes(load: NativeLoad): NativeLoad {
  if (!load.ok) return load;
  const partial: Partial<Native> = load.native;
  return partial.probeCpu === undefined ? { ok: false, reason: 'the addon was built without its probes' } : load;
}

function unknown(reason: string): Probe {
  return { available: false, detail: `unknown: needs the addon (${reason})` };
}
