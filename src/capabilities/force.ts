import { PangeaError } from '../errors/errors.ts';
import type { Forced, StagePlan } from './capabilities.ts';

type Stage = StagePlan['stage'];

/** What the composition root can be told to build. Stages that follow another one are named with it. */
const choices: Readonly<Record<Stage, { readonly paths: readonly string[] } | { readonly follows: Stage }>> = {
  codec: { paths: ['native', 'portable'] },
  compress: { follows: 'codec' },
  seal: { follows: 'codec' },
  'reed-solomon': { follows: 'codec' },
  hash: { follows: 'codec' },
  store: { paths: ['native', 'node-fs'] },
  transport: { paths: ['quic', 'libp2p'] },
  host: { paths: ['native', 'js'] },
  firewall: { paths: ['userspace'] },
};

/** Known by name but not made yet: said plainly instead of "unknown". */
const absent: Readonly<Partial<Record<Stage, readonly string[]>>> = {
  codec: ['wasm'],
  store: ['io_uring'],
  firewall: ['xdp'],
};

export function absentPaths(stage: Stage): readonly string[] {
  return absent[stage] ?? [];
}

/** `['codec=portable', 'store=node-fs']` to a table. Throws `USAGE` naming what is allowed. */
export function parseForce(settings: readonly string[]): Forced {
  const forced: Partial<Record<Stage, string>> = {};
  for (const setting of settings) {
    const [name = '', path, ...rest] = setting.split('=').map((part) => part.trim());
    if (path === undefined || path === '' || rest.length > 0) throw new PangeaError('USAGE', `--force takes STAGE=PATH, not "${setting}"; ${allowed()}`);
    if (!isStage(name)) throw new PangeaError('USAGE', `--force: there is no stage "${name}"; ${allowed()}`);
    const choice = choices[name];
    if ('follows' in choice) throw new PangeaError('USAGE', `--force: ${name} follows ${choice.follows}; force that one`);
    if (absentPaths(name).includes(path)) throw new PangeaError('USAGE', `--force: ${name}=${path} is not in this build; ${name} can be ${choice.paths.join(' or ')}`);
    if (!choice.paths.includes(path)) throw new PangeaError('USAGE', `--force: ${name} can be ${choice.paths.join(' or ')}, not "${path}"`);
    const before = forced[name];
    if (before !== undefined && before !== path) throw new PangeaError('USAGE', `--force: ${name} is forced to ${before} and to ${path}`);
    forced[name] = path;
  }
  return forced;
}

function isStage(name: string): name is Stage {
  return Object.hasOwn(choices, name);
}

function allowed(): string {
  const parts = Object.entries(choices).flatMap(([stage, choice]) => ('paths' in choice ? [`${stage}=${choice.paths.join('|')}`] : []));
  return `possible are ${parts.join(', ')}`;
}
