/** The bundles as `scripts/build-browser.mjs` makes them, and what it said. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('../../../scripts/build-browser.mjs', import.meta.url));

export interface Bundles {
  /** By name, e.g. `pangea-graph.min.js`. */
  readonly files: Readonly<Record<string, string>>;
  readonly printed: string;
}

export async function buildBundles(): Promise<Bundles> {
  const out = await mkdtemp(join(tmpdir(), 'pangea-graph-bundle-'));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--no-types', '--out', out]);
    const names = await readdir(out);
    const texts = await Promise.all(names.map((name) => readFile(join(out, name), 'utf8')));
    return { files: Object.fromEntries(names.map((name, at) => [name, texts[at] ?? ''])), printed: stdout };
  } finally {
    await rm(out, { recursive: true });
  }
}
