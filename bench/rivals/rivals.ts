/**
 * The rivals of the benchmarks, each a program that speaks `../protocol.ts`. None is part of the node: they are built
 * by `npm run bench:rivals` into `.built/`, from lock files of their own. Why these, and how each is given its best
 * case, stands in `docs/internals/rivals.md`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How to start a rival; `reason` says why it cannot be started, and is empty when it can. */
export interface Rival {
  readonly id: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly present: boolean;
  readonly reason: string;
}

const here = dirname(fileURLToPath(import.meta.url));
/** What the build makes, and what it says of each rival (`state.json`). */
export const builtDirectory = join(here, '.built');

const inRust = ['reed-solomon-erasure', 'reed-solomon-simd', 'aws-lc', 'rustcrypto', 'zstd', 'blake3'];
const inNode = ['ronomon', 'zstd-napi', 'stablelib', 'sodium-native', 'npm-stack'];

/** By the name under which a build makes them. */
const programs: readonly { id: string; command: string; args: readonly string[] }[] = [
  ...['isal-debian', 'isal', 'klauspost', 'libsodium'].map((id) => ({ id, command: join(builtDirectory, id), args: [] })),
  { id: 'seed-stack', command: join(builtDirectory, 'pangea-seed'), args: ['seed-stack'] },
  ...inRust.map((id) => ({ id, command: join(builtDirectory, 'pangea-rivals'), args: [id] })),
  ...inNode.map((id) => ({ id, command: process.execPath, args: [join(here, 'npm', 'rival.mjs'), id] })),
];

/** Every rival, those that are missing too. */
export function list(): Rival[] {
  const state = readState();
  return programs.map(({ id, command, args }) => {
    const told = state[id];
    const reason = told === '' && existsSync(command) ? '' : told || 'not built: npm run bench:rivals';
    return { id, command, args, cwd: here, present: reason === '', reason };
  });
}

/** Reason by rival, empty where it answered when it was built. */
function readState(): Readonly<Record<string, string>> {
  let text: string;
  try {
    text = readFileSync(join(builtDirectory, 'state.json'), 'utf8');
  } catch {
    return {};
  }
  return JSON.parse(text) as Record<string, string>;
}
