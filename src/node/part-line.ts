/** What start-up says of each part, once that part is up. */
import type { CalibrationReport, Capabilities, Probe } from '../capabilities/capabilities.ts';
import type { Codec } from '../codec/codec.ts';
import type { NodeConfig } from '../config/config.ts';

export interface PartLine {
  readonly part: string;
  readonly up: boolean;
  readonly detail: string;
}

export function capabilitiesLine({ architecture, cores, memoryBytes, cpu, ioUring, ebpf }: Capabilities): string {
  const has = Object.entries({ AVX2: cpu.avx2, 'AVX-512': cpu.avx512, GFNI: cpu.gfni, NEON: cpu.neon }).filter(([, there]) => there).map(([name]) => name);
  const state = ({ available, detail }: Probe): string => (available ? 'works' : detail.startsWith('unknown') ? 'unknown' : 'unavailable');
  return `${architecture}, ${cores} cores, ${bytesText(memoryBytes)}; ${has.join(' ') || 'no vector extensions'}; io_uring ${state(ioUring)}, eBPF ${state(ebpf)}`;
}

export function codecLine({ name, kernels }: Codec, config: NodeConfig, { source, tookMs }: CalibrationReport): string {
  const level = config.compression === 'store' ? 'storing uncompressed' : `zstd level ${config.compressionMin} to ${config.compressionMax}`;
  return `${name}, ${level}; compress ${kernels.compress}, seal ${kernels.seal}, Reed-Solomon ${kernels.reedSolomon}, hash ${kernels.hash}; ${source === 'none' ? 'not measured' : `measured ${source === 'fresh' ? 'now' : 'before'} in ${tookMs} ms`}`;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
