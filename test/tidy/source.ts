import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Files that belong to the project, committed or about to be, by path from its root. */
export const files: readonly string[] = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, maxBuffer: 1 << 26 })
  .toString().split('\0').filter((path) => path !== '' && exists(path)).sort();

function exists(path: string): boolean {
  try {
    readFileSync(join(root, path));
    return true;
  } catch {
    return false;
  }
}

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export const sources = files.filter((path) => path.startsWith('src/') && path.endsWith('.ts') && !path.endsWith('.d.ts'));

export interface Import {
  readonly from: string;
  /** Path from the root of the project, or a package's name. */
  readonly to: string;
  readonly typeOnly: boolean;
}

/** Static, re-exporting and dynamic imports of one file. */
export function importsOf(path: string): readonly Import[] {
  const text = read(path);
  const found: Import[] = [];
  const add = (to: string, typeOnly: boolean): void => {
    found.push({ from: path, to: to.startsWith('.') ? normalize(join(dirname(path), to)) : to, typeOnly });
  };
  for (const match of text.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)) add(match[2] ?? '', match[1] !== undefined);
  for (const match of text.matchAll(/(typeof\s+)?\bimport\('([^']+)'\)/g)) add(match[2] ?? '', match[1] !== undefined);
  return found;
}

/** `src/codec/backends/native.ts` lies in the part `codec`; a file directly in `src` in none. */
export function partOf(path: string): string | undefined {
  const steps = path.split('/');
  return steps[0] === 'src' && steps.length > 2 ? steps[1] : undefined;
}
