import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPangeaError } from '../../src/errors/errors.ts';
import { encodeDirectory, parseDirectory, checkPath, type Directory, type DirectoryEntry } from '../../src/objects/format/directory.ts';
import { fromHex, toHex } from '../../src/std/std.ts';

const sample: Directory = {
  members: [{ root: new Uint8Array(32).fill(0x11), key: new Uint8Array(32).fill(0x22) }],
  entries: [
    { path: 'a', type: 'directory', mode: 0o755, modifiedMs: 0, bytes: 0 },
    { path: 'a/b', type: 'file', mode: 0o644, modifiedMs: 1000, bytes: 5, place: { member: 0, offset: 7 } },
  ],
};

test('the list has the bytes that schema/directory.md gives', () => {
  const page = readFileSync(new URL('../../schema/directory.md', import.meta.url), 'utf8');
  const hex = /```\n([0-9a-f\n]+)```/.exec(page)?.[1]?.replaceAll('\n', '') ?? '';
  assert.equal(toHex(encodeDirectory(sample)), hex);
  assert.deepEqual(parseDirectory(fromHex(hex)), sample);
});

const link = (path: string, target: string): DirectoryEntry => ({ path, type: 'symlink', mode: 0o777, modifiedMs: 0, bytes: 0, target });
const list = (...entries: DirectoryEntry[]): Uint8Array => encodeDirectory({ members: [], entries });

test('paths and links that leave the tree are refused', () => {
  for (const path of ['', '/etc/passwd', '../x', 'a/../b', 'a//b', './a', 'a\0b', 'a\\b', 'a/', `x${'y'.repeat(5000)}`]) {
    assert.throws(() => checkPath(path), (error) => isPangeaError(error, 'UNSAFE_PATH'), path);
  }
  for (const [path, target] of [['l', '/etc'], ['l', '..'], ['d/l', '../..'], ['d/l', 'x/../..'], ['d/l', '']] as const) {
    assert.throws(() => parseDirectory(list(link(path, target))), (error) => isPangeaError(error, 'UNSAFE_PATH'), `${path} -> ${target}`);
  }
  assert.throws(() => parseDirectory(list(link('l', 'd'), { path: 'l/x', type: 'directory', mode: 0o755, modifiedMs: 0, bytes: 0 })),
    (error) => isPangeaError(error, 'UNSAFE_PATH'));
  assert.equal(parseDirectory(list(link('d/l', '../x'))).entries.length, 1);
});

test('a list that is not sorted or names a path twice is refused', () => {
  for (const paths of [['b', 'a'], ['a', 'a']]) {
    const entries = paths.map((path): DirectoryEntry => ({ path, type: 'directory', mode: 0o755, modifiedMs: 0, bytes: 0 }));
    assert.throws(() => parseDirectory(list(...entries)), (error) => isPangeaError(error, 'DIRECTORY_INVALID'));
  }
});

test('damaged lists give one of two codes and never another failure', () => {
  const good = encodeDirectory(sample);
  fc.assert(fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(good.length), (at, flip, cut) => {
    const bad = good.slice(0, Math.max(cut, 1));
    if (at < bad.length) bad[at] = (bad[at] ?? 0) ^ flip;
    try {
      parseDirectory(bad);
    } catch (error) {
      assert.ok(isPangeaError(error, 'DIRECTORY_INVALID') || isPangeaError(error, 'UNSAFE_PATH'), String(error));
    }
  }), { numRuns: 2000, seed: 7 });
});
