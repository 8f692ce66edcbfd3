/**
 * Explains what runs: for each stage the path that was built, why, and why not the others. Pure. What was
 * chosen is an input, told by the composition root from the parts themselves, so a plan cannot claim a path that is not active.
 */
import type { Capabilities, Forced, PathCandidate, StagePlan } from './capabilities.ts';
import { absentPaths } from './force.ts';

type Stage = StagePlan['stage'];

export interface PlanInput {
  readonly capabilities: Capabilities;
  readonly forced: Forced;
  /** The names that the built parts give themselves; a part that is not running is left out, and so is its stage. */
  readonly running: {
    readonly codec?: { readonly name: string; readonly kernels: { readonly compress: string; readonly seal: string; readonly reedSolomon: string; readonly hash: string } };
    readonly store?: string;
    /** Best first. */
    readonly transports?: readonly string[];
    readonly host?: string;
    readonly firewall?: string;
  };
  /** Paths that were tried and did not pass their self-test or did not start. */
  readonly quarantined?: readonly { readonly stage: Stage; readonly path: string; readonly reason: string }[];
}

export function planStages(input: PlanInput): StagePlan[] {
  const { codec, store, transports, host, firewall } = input.running;
  const stages: StagePlan[] = [];
  const add = (stage: Stage, chosen: string | undefined, ladder: readonly PathCandidate[]): void => {
    if (chosen !== undefined) stages.push(stagePlan(input, stage, chosen, ladder));
  };
  add('codec', codec?.name, codecLadder(input));
  if (codec !== undefined) stages.push(...kernelPlans(input, codec));
  add('store', store, storeLadder(input));
  add('transport', transports?.join(' + '), transportLadder(input));
  add('host', host, hostLadder(input));
  add('firewall', firewall, firewallLadder(input));
  return stages;
}

/** Each ladder: best first, the one that always works last. */
function codecLadder(input: PlanInput): PathCandidate[] {
  return [
    native(input, 'native', 'vector kernels, all work off the event loop'),
    { path: 'wasm', usable: false, reason: 'not in this build' },
    { path: 'portable', usable: true, reason: 'npm packages and JavaScript: works everywhere' },
  ];
}

function storeLadder(input: PlanInput): PathCandidate[] {
  return [
    { path: 'io_uring', usable: false, reason: `not in this build; ${kernelSays(input.capabilities.ioUring)}` },
    native(input, 'native', 'group commit on its own threads'),
    { path: 'node-fs', usable: true, reason: 'node:fs: works everywhere' },
  ];
}

function transportLadder(input: PlanInput): PathCandidate[] {
  return [
    native(input, 'quic', 'QUIC: bodies go between socket, store and codec without entering JavaScript'),
    { path: 'libp2p', usable: true, reason: 'libp2p streams: reach peers without QUIC' },
  ];
}

function hostLadder(input: PlanInput): PathCandidate[] {
  return [
    native(input, 'native', 'rust-libp2p'),
    { path: 'js', usable: true, reason: 'js-libp2p: works everywhere' },
  ];
}

function firewallLadder(input: PlanInput): PathCandidate[] {
  return [
    { path: 'xdp', usable: false, reason: `not in this build; ${kernelSays(input.capabilities.ebpf)}` },
    { path: 'userspace', usable: true, reason: 'checked at each listener' },
  ];
}

/** The codec's own stages, by the kernels it names. Reed–Solomon has a ladder of instruction sets. */
function kernelPlans(input: PlanInput, codec: NonNullable<PlanInput['running']['codec']>): StagePlan[] {
  const why = `the ${codec.name} codec's`;
  const other: PathCandidate = codec.name === 'native'
    ? { path: 'portable codec', usable: true, reason: 'slower' }
    : { path: 'native codec', usable: false, reason: stagePlan(input, 'codec', codec.name, codecLadder(input)).rejected.find(({ path }) => path === 'native')?.reason ?? 'not chosen' };
  const forced = input.forced.codec !== undefined;
  const follow = (stage: Stage, chosen: string): StagePlan => ({ stage, chosen, why, forced, rejected: [other] });
  const { compress, seal, reedSolomon, hash } = codec.kernels;
  const rejected = codec.name === 'native' ? [...otherVectors(input.capabilities, reedSolomon), other] : [other];
  return [
    follow('compress', compress),
    follow('seal', seal),
    { stage: 'reed-solomon', chosen: reedSolomon, why: codec.name === 'native' ? 'best instruction set that this processor has' : why, forced, rejected },
    follow('hash', hash),
  ];
}

/** The instruction sets of this architecture that were not taken, best first. */
function otherVectors({ cpu, architecture }: Capabilities, taken: string): PathCandidate[] {
  const of = (path: string, has: boolean, what: string) => ({ path, has, what });
  const ladder = architecture === 'arm64' ? [of('neon', cpu.neon, 'NEON')] : [
    of('gfni-avx512', cpu.gfni && cpu.avx512, cpu.avx512 ? 'GFNI' : 'AVX-512'),
    of('gfni-avx2', cpu.gfni && cpu.avx2, cpu.avx2 ? 'GFNI' : 'AVX2'),
    of('avx2', cpu.avx2, 'AVX2'),
    of('ssse3', cpu.ssse3, 'SSSE3'),
  ];
  ladder.push(of('scalar', true, ''));
  const takenAt = ladder.findIndex(({ path }) => path === taken);
  return ladder.flatMap(({ path, has, what }, at) => {
    if (at === takenAt) return [];
    const reason = has ? (at < takenAt ? 'this processor has it, but the codec did not take it' : 'slower') : `this processor has no ${what}`;
    return [{ path, usable: has, reason }];
  });
}

function stagePlan({ forced, quarantined = [] }: PlanInput, stage: Stage, chosen: string, ladder: readonly PathCandidate[]): StagePlan {
  const active = chosen.split(' + ');
  const wanted = forced[stage];
  const rejected = ladder
    .filter(({ path }) => !active.includes(path))
    .map((candidate): PathCandidate => {
      const bad = quarantined.find((one) => one.stage === stage && one.path === candidate.path);
      if (bad !== undefined) return { path: candidate.path, usable: false, reason: bad.reason };
      if (!candidate.usable) return candidate;
      return { ...candidate, reason: wanted === undefined ? `works, but ${active[0]} is preferred` : `works, but --force ${stage}=${wanted}` };
    });
  // A wish that was not met is shown as not met.
  if (wanted !== undefined && active.includes(wanted)) {
    return { stage, chosen, why: `--force ${stage}=${wanted}`, forced: true, rejected };
  }
  const better = rejected.filter(({ path, usable }) => !usable && !absentPaths(stage).includes(path));
  const passed = better.length === 0 ? 'best path of this build' : better.map(({ path, reason }) => `no ${path}: ${reason}`).join('; ');
  const unmet = wanted === undefined ? '' : `; --force ${stage}=${wanted} could not be met`;
  return { stage, chosen, why: (ladder.find(({ path }) => path === active[0])?.reason ?? chosen) + `; ${passed}${unmet}`, forced: false, rejected };
}

function native({ capabilities }: PlanInput, path: string, reason: string): PathCandidate {
  return capabilities.native.available ? { path, usable: true, reason } : { path, usable: false, reason: capabilities.native.detail };
}

function kernelSays({ available, detail }: Capabilities['ioUring']): string {
  return available ? `this machine could (${detail})` : `and this machine: ${detail}`;
}
