/**
 * Explains what runs: for each stage the path that was built, why, and why not the others. Pure. What was
 * chosen is an input, told by the composition root from the parts themselves, so a plan cannot claim a path that is not active.
 */
import type { Capabilities, Forced, PathCandidate, StageChoice, StagePlan } from './capabilities.ts';
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
  /** What self-test and calibration led to: for `codec`, and for the stages inside the native codec. */
  readonly choices: readonly StageChoice[];
}

export function planStages(input: PlanInput): StagePlan[] {
  const { codec, store, transports, host, firewall } = input.running;
  const stages: StagePlan[] = [];
  const add = (stage: Stage, chosen: string | undefined, ladder: readonly PathCandidate[]): void => {
    if (chosen !== undefined) stages.push(ladderPlan(input, stage, chosen, ladder));
  };
  if (codec !== undefined) {
    const { compress, seal, reedSolomon, hash } = codec.kernels;
    stages.push(choicePlan(input, 'codec', codec.name, [], 'the only one tried'));
    const inside = [['compress', compress], ['seal', seal], ['reed-solomon', reedSolomon], ['hash', hash]] as const;
    for (const [stage, chosen] of inside) stages.push(choicePlan(input, stage, chosen, otherCodecs(input, codec.name), `the ${codec.name} codec's`));
  }
  add('store', store, storeLadder(input));
  add('transport', transports?.join(' + '), transportLadder(input));
  add('host', host, hostLadder(input));
  add('firewall', firewall, firewallLadder(input));
  return stages;
}

/** A stage that was chosen by self-test and measurement; `fallback` says why where the stage only follows its codec. */
function choicePlan({ forced, running, choices }: PlanInput, stage: Stage, chosen: string, others: readonly PathCandidate[], fallback: string): StagePlan {
  // The kernels that were picked are the native codec's: another codec brings its own, and they are no news there.
  const choice = stage === 'codec' || running.codec?.name === 'native' ? choices.find((each) => each.stage === stage) : undefined;
  const candidates = (choice?.candidates ?? []).map((each): PathCandidate => {
    if (each.path === chosen) return { ...each, usable: true, reason: 'taken' };
    return each.path === choice?.path ? { ...each, reason: 'picked, but the codec did not take it' } : each;
  });
  if (!candidates.some(({ path }) => path === chosen)) candidates.unshift({ path: chosen, usable: true, reason: 'taken' });
  const met = forced[stage] === undefined ? stage !== 'codec' && choice === undefined && forced.codec === running.codec?.name : forced[stage] === chosen;
  const why = (): string => {
    if (choice === undefined) return fallback;
    if (choice.path !== chosen) return `the codec says that it runs this; ${choice.path ?? 'nothing'} was picked`;
    return forced[stage] === chosen ? `--force ${stage}=${chosen}` : choice.why;
  };
  return finish(stage, chosen, why(), met, [...candidates, ...others], [chosen]);
}

/** Who runs another codec wants to know at each stage why it is not the native one. */
function otherCodecs({ choices }: PlanInput, running: string): PathCandidate[] {
  const codecs = choices.find(({ stage }) => stage === 'codec')?.candidates ?? [];
  return codecs.filter(({ path }) => path === 'native' && running !== 'native')
    .map(({ path, usable, reason }) => ({ path: `${path} codec`, usable, reason }));
}

/** Each ladder: best first, the one that always works last. */
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

/** A stage whose paths are not measured: the first of the ladder that is there. */
function ladderPlan({ forced }: PlanInput, stage: Stage, chosen: string, ladder: readonly PathCandidate[]): StagePlan {
  const active = chosen.split(' + ');
  const wanted = forced[stage];
  const candidates = ladder.map((candidate): PathCandidate => {
    if (!candidate.usable || active.includes(candidate.path)) return candidate;
    return { ...candidate, reason: wanted === undefined ? `works, but ${active[0]} is preferred` : `works, but --force ${stage}=${wanted}` };
  });
  // A wish that was not met is shown as not met.
  if (wanted !== undefined && active.includes(wanted)) return finish(stage, chosen, `--force ${stage}=${wanted}`, true, candidates, active);
  const better = candidates.filter(({ path, usable }) => !usable && !absentPaths(stage).includes(path));
  const passed = better.length === 0 ? 'best path of this build' : better.map(({ path, reason }) => `no ${path}: ${reason}`).join('; ');
  const unmet = wanted === undefined ? '' : `; --force ${stage}=${wanted} could not be met`;
  return finish(stage, chosen, `${ladder.find(({ path }) => path === active[0])?.reason ?? chosen}; ${passed}${unmet}`, false, candidates, active);
}

function finish(stage: Stage, chosen: string, why: string, forced: boolean, candidates: readonly PathCandidate[], active: readonly string[]): StagePlan {
  const rate = candidates.find(({ path }) => path === chosen)?.bytesPerSecond;
  return {
    stage, chosen, why, forced, ...(rate === undefined ? {} : { bytesPerSecond: rate }),
    candidates, rejected: candidates.filter(({ path }) => !active.includes(path)),
  };
}

function native({ capabilities }: PlanInput, path: string, reason: string): PathCandidate {
  return capabilities.native.available ? { path, usable: true, reason } : { path, usable: false, reason: capabilities.native.detail };
}

function kernelSays({ available, detail }: Capabilities['ioUring']): string {
  return available ? `this machine could (${detail})` : `and this machine: ${detail}`;
}
