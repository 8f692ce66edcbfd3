/** The committed module: what it is made of, and that it is made of these sources. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const moduleFile = join('src', 'codec', 'backends', 'wasm', 'pangea_ces.wasm');
const script = join('scripts', 'build-wasm.mjs');

interface Module {
  readonly __module: true;
}

declare const WebAssembly: {
  readonly Module: {
    new (bytes: Uint8Array): Module;
    imports(module: Module): unknown[];
    exports(module: Module): { name: string }[];
  };
};

describe('the committed WebAssembly module', () => {
  test('imports nothing, and exports its memory and our functions only', () => {
    const module = new WebAssembly.Module(readFileSync(join(root, moduleFile)));
    assert.deepEqual(WebAssembly.Module.imports(module), []);
    const others = WebAssembly.Module.exports(module).map(({ name }) => name).filter((name) => !name.startsWith('ces_'));
    assert.deepEqual(others, ['memory']);
  });

  test('names no path of the machine that built it', () => {
    assert.doesNotMatch(readFileSync(join(root, moduleFile), 'latin1'), /\/(home|root|Users|work)\//);
  });

  test('is built from the sources beside it', () => {
    assert.deepEqual(run(root, '--check'), { status: 0, stdout: '', stderr: '' });
  });

  test('is out of date after a change of code, version or setting, not of comments, tests or layout', (t) => {
    const copy = mkdtempSync(join(tmpdir(), 'pangea-wasm-'));
    t.after(() => rmSync(copy, { recursive: true, force: true }));
    const { sources } = JSON.parse(readFileSync(join(root, `${moduleFile}.json`), 'utf8')) as { sources: string[] };
    const native = ['Cargo.toml', 'Cargo.lock', 'ces/Cargo.toml', 'wasm/Cargo.toml', ...sources].map((path) => join('native', path));
    for (const path of [script, moduleFile, `${moduleFile}.json`, ...native]) cpSync(join(root, path), join(copy, path));
    const hash = (): string => run(copy, '--hash').stdout;
    const now = hash();
    const after = (path: string, change: (text: string) => string): string => {
      const file = join(copy, path);
      const before = readFileSync(file, 'utf8');
      const changed = change(before);
      assert.notEqual(changed, before, `${path} was to be changed`);
      writeFileSync(file, changed);
      const found = hash();
      writeFileSync(file, before);
      return found;
    };
    assert.match(now, /^[0-9a-f]{64}\n$/);
    const rows = join('native', 'ces', 'src', 'rows.rs');
    for (const harmless of [
      after(rows, (text) => `${text}// a remark\n`),
      after(rows, (text) => text.replace('{\n', '{\n\n')),
      after(join('native', 'ces', 'src', 'frame.rs'), (text) => text.replace(/(#\[cfg\(test\)\]\nmod tests \{\n)/, '$1    const ONE: u8 = 1;\n')),
      after(join('native', 'ces', 'Cargo.toml'), (text) => text.replace(/(\[dev-dependencies\]\n)/, '$1other = "1"\n')),
    ]) assert.equal(harmless, now);
    for (const changed of [
      after(rows, (text) => `${text}fn more() {}\n`),
      after(join('native', 'Cargo.lock'), (text) => text.replace(/(name = "blake3"\nversion = ")[^"]+/, '$19.9.9')),
      after(join('native', 'Cargo.toml'), (text) => text.replace(/^dryoc = .*$/m, 'dryoc = "3"')),
      after(join('native', 'ces', 'Cargo.toml'), (text) => text.replace(/(\[dependencies\]\n)/, '$1other = "1"\n')),
      after(script, (text) => text.replace('+simd128', '+relaxed-simd')),
    ]) assert.notEqual(changed, now);
    assert.equal(hash(), now, 'all is as it was');
    writeFileSync(join(copy, moduleFile), 'another module');
    assert.match(run(copy, '--check').stderr, /not the one that its record describes/);
  });
});

function run(where: string, mode: '--check' | '--hash'): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(where, script), mode], { encoding: 'utf8', timeout: 30_000 });
  return { status, stdout, stderr };
}
