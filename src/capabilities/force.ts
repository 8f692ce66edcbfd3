import { PangeaError } from '../errors/errors.ts';
import type { Feature, Forced, StagePlan } from './capabilities.ts';
import { cipherNeeds, features, hiddenNeed, kernelNeeds } from './features.ts';

type Stage = StagePlan['stage'];

/** What the composition root can be told to build. Stages that follow another one are named with it. */
const choices: Readonly<Record<Stage, { readonly paths: readonly string[] } | { readonly follows: Stage }>> = {
  codec: { paths: ['native', 'wasm', 'portable'] },
  compress: { follows: 'codec' },
  seal: { paths: Object.keys(cipherNeeds) },
  'reed-solomon': { paths: Object.keys(kernelNeeds) },
  hash: { follows: 'codec' },
  store: { paths: ['native', 'node-fs'] },
  transport: { paths: ['quic', 'libp2p'] },
  host: { paths: ['native', 'js'] },
  firewall: { paths: ['userspace'] },
};

/** Known by name but not made yet: said plainly instead of "unknown". */
const absent: Readonly<Partial<Record<Stage, readonly string[]>>> = {
  store: ['io_uring'],
  firewall: ['xdp'],
};

export function absentPaths(stage: Stage): readonly string[] {
  return absent[stage] ?? [];
}

/** `['codec=portable', 'no-gfni']` to a table. Throws `USAGE` naming what is allowed, also when two wishes contradict each other. */
export function parseForce(settings: readonly string[]): Forced {
  const forced: Partial<Record<Stage, string>> = {};
  const hidden: Feature[] = [];
  for (const setting of settings.map((each) => each.trim())) {
    if (setting.startsWith('no-') && !setting.includes('=')) hidden.push(featureOf(setting));
    else {
      const [stage, path] = stageChoice(setting);
      const before = forced[stage];
      if (before !== undefined && before !== path) throw new PangeaError('USAGE', `--force: ${stage} is forced to ${before} and to ${path}`);
      forced[stage] = path;
    }
  }
  let codec = forced.codec;
  for (const stage of inside) {
    const owner = ownerOf(stage, forced);
    if (owner !== undefined && (codec ?? owner) !== owner) throw new PangeaError('USAGE', `--force: ${stage}=${forced[stage]} belongs to codec=${owner}, not to codec=${codec}`);
    codec ??= owner;
  }
  for (const [stage, path] of Object.entries(forced)) {
    const missing = hiddenNeed(stage as Stage, path, hidden);
    if (missing !== undefined) throw new PangeaError('USAGE', `--force: ${stage}=${path} needs what no-${missing} hides`);
  }
  return { ...forced, ...(hidden.length === 0 ? {} : { hidden: [...new Set(hidden)] }) };
}

/** The codec that was asked for, be it by one of its stages. */
export function wantedCodec(forced: Forced): string | undefined {
  return forced.codec ?? ownerOf('reed-solomon', forced) ?? ownerOf('seal', forced);
}

const inside = ['reed-solomon', 'seal'] as const;

/** Whose path it is that this stage is forced to. */
function ownerOf(stage: (typeof inside)[number], forced: Forced): string | undefined {
  const path = forced[stage];
  return path === undefined ? undefined : stage === 'reed-solomon' && path === 'simd128' ? 'wasm' : 'native';
}

function stageChoice(setting: string): [Stage, string] {
  const [name = '', path, ...rest] = setting.split('=').map((part) => part.trim());
  if (path === undefined || path === '' || rest.length > 0) throw new PangeaError('USAGE', `--force takes STAGE=PATH or no-FEATURE, not "${setting}"; ${allowed()}`);
  if (!isStage(name)) throw new PangeaError('USAGE', `--force: there is no stage "${name}"; ${allowed()}`);
  const choice = choices[name];
  if ('follows' in choice) throw new PangeaError('USAGE', `--force: ${name} follows ${choice.follows}; force that one`);
  if (absentPaths(name).includes(path)) throw new PangeaError('USAGE', `--force: ${name}=${path} is not in this build; ${name} can be ${choice.paths.join(' or ')}`);
  if (!choice.paths.includes(path)) throw new PangeaError('USAGE', `--force: ${name} can be ${choice.paths.join(' or ')}, not "${path}"`);
  return [name, path];
}

function featureOf(setting: string): Feature {
  const name = setting.slice('no-'.length);
  if (!Object.hasOwn(features, name)) throw new PangeaError('USAGE', `--force: there is no feature "${name}" to hide; ${allowed()}`);
  return name as Feature;
}

function isStage(name: string): name is Stage {
  return Object.hasOwn(choices, name);
}

function allowed(): string {
  const parts = Object.entries(choices).flatMap(([stage, choice]) => ('paths' in choice ? [`${stage}=${choice.paths.join('|')}`] : []));
  return `possible are ${parts.join(', ')}, ${Object.keys(features).map((name) => `no-${name}`).join(', ')}`;
}
