/** The house rules that a machine can check. What they are for stands in CONTRIBUTING.md. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { test } from 'node:test';
import { base, layers, typesOnly } from './layers.ts';
import { files, importsOf, partOf, read, sources } from './source.ts';

const parts = [...new Set(sources.map(partOf).filter((part) => part !== undefined))].sort();
const none = (found: readonly string[]): void => assert.deepEqual(found, [], found.join('\n'));

test('every part of src stands in the layer table, and the table names no part that is gone', () => {
  assert.deepEqual(parts, Object.keys(layers).sort());
});

test('the layer table has no cycle', () => {
  const state = new Map<string, 'open' | 'done'>();
  const visit = (part: string, trail: readonly string[]): void => {
    if (state.get(part) === 'done') return;
    assert.notEqual(state.get(part), 'open', [...trail, part].join(' -> '));
    state.set(part, 'open');
    for (const next of layers[part] ?? []) visit(next, [...trail, part]);
    state.set(part, 'done');
  };
  for (const part of Object.keys(layers)) visit(part, []);
});

test('imports follow the layer table', () => {
  const open: readonly string[] = base;
  none(sources.flatMap(importsOf).filter(({ from, to }) => {
    const source = partOf(from);
    const target = partOf(to);
    if (source === undefined || target === undefined || source === target) return false;
    const allowed = layers[source] ?? [];
    return !allowed.includes(target) && !(open.includes(target) && !open.includes(source));
  }).map(({ from, to }) => `${from} may not import ${to}`));
});

test('other parts are entered by their door only', () => {
  none(sources.flatMap(importsOf).filter(({ from, to }) => {
    const target = partOf(to);
    return target !== undefined && partOf(from) !== target && to !== `src/${target}/${target}.ts`;
  }).map(({ from, to }) => `${from} goes past the door to ${to}`));
});

test('every part has its door, and the door begins with its manual', () => {
  none(parts.filter((part) => !sources.includes(`src/${part}/${part}.ts`)).map((part) => `src/${part}/${part}.ts is missing`));
  none(parts.filter((part) => !read(`src/${part}/${part}.ts`).startsWith('/**')).map((part) => `src/${part}/${part}.ts does not say what the part promises`));
});

test('the api holds types only', () => {
  const only: readonly string[] = typesOnly;
  none(sources.filter((path) => only.includes(partOf(path) ?? '')).flatMap(importsOf).filter((each) => !each.typeOnly).map(({ from, to }) => `${from} imports values of ${to}`));
});

test('no file is longer than 400 lines (Rust: 800)', () => {
  const limit = (path: string): number => (path.endsWith('.rs') ? 800 : 400);
  none(files.filter((path) => /^(src|test|bench|scripts|native)\/.*\.(ts|mjs|js|rs)$/.test(path) && !path.endsWith('.d.ts') && !path.startsWith('src/rpc/schema/'))
    .filter((path) => read(path).split('\n').length - 1 > limit(path)).map((path) => `${path} is too long`));
});

test('no file or folder has a name that says nothing', () => {
  none(files.filter((path) => /(^|\/)(utils?|helpers?|common|misc|manager|service|base)(\.[a-z]+|\/)/i.test(path)));
  none(sources.filter((path) => basename(path) === 'index.ts' && path !== 'src/index.ts'));
});

test('time, randomness and timers come in as arguments below the composition root', () => {
  const rim = ['std', 'cli', 'node', 'http', 'control'];
  const direct = /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval)\s*\(/;
  none(sources.filter((path) => !rim.includes(partOf(path) ?? 'cli')).flatMap((path) =>
    read(path).split('\n').map((line, index) => ({ line, at: `${path}:${index + 1}` }))
      .filter(({ line }) => direct.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line)).map(({ at, line }) => `${at} ${line.trim()}`)));
});

test('configuration is read in config, cli and node alone', () => {
  none(sources.filter((path) => !['config', 'cli', 'node', 'native'].includes(partOf(path) ?? '')).filter((path) => /process\.env\b/.test(read(path))));
});

test('no left-over marks, no emoji, no silenced compiler', () => {
  const marks = /\b(TODO|FIXME|XXX|HACK)\b|@ts-(ignore|nocheck|expect-error)|\p{Extended_Pictographic}/u;
  none(files.filter((path) => /\.(ts|mjs|js|rs|sh)$/.test(path) && !path.startsWith('test/tidy/') && !path.startsWith('src/rpc/schema/')).flatMap((path) =>
    read(path).split('\n').map((line, index) => ({ line, at: `${path}:${index + 1}` }))
      .filter(({ line }) => marks.test(line.replaceAll(/[©®™✓✗✔✖↔ℹ▶◀]/gu, ''))).map(({ at, line }) => `${at} ${line.trim()}`)));
});

test('the project stands alone: no machine path, no registry host', () => {
  const foreign = new RegExp(['/' + 'work/', '(?<![\\w-])/' + 'root/', '\\.\\./' + 'shared', 'registry\\.' + 'npmjs', 'static\\.' + 'crates', 'proxy\\.' + 'golang'].join('|'));
  none(files.filter((path) => /\.(ts|mjs|js|rs|sh|md|json|toml|yml)$|\.ci\/run$/.test(path) && !path.endsWith('package-lock.json')).filter((path) => foreign.test(read(path))));
  none(files.includes('package-lock.json') && /"resolved": "http/.test(read('package-lock.json')) ? ['package-lock.json names a host'] : []);
});

test('no function stands twice', () => {
  const seen = new Map<string, string>();
  const twice: string[] = [];
  for (const path of sources) {
    for (const match of read(path).matchAll(/^(?:export )?(?:async )?function\*? (\w+)[^{]*\{\n([\s\S]*?)\n\}/gm)) {
      const body = (match[2] ?? '').replaceAll(/\s+/g, ' ').trim();
      if (body.split(';').length < 3) continue;
      const hash = createHash('sha256').update(body).digest('hex');
      const before = seen.get(hash);
      if (before) twice.push(`${path}: ${match[1]} is ${before}`);
      else seen.set(hash, `${path}: ${match[1]}`);
    }
  }
  none(twice);
});

test('every part has tests at the same path, and its reasons in docs/internals', () => {
  const plain = ['errors', 'ids', 'std', 'native', 'body', 'api'];
  const tested = new Set(files.filter((path) => path.endsWith('.test.ts')).map((path) => path.split('/')[1]));
  none(parts.filter((part) => !plain.includes(part) && !tested.has(part)).map((part) => `test/${part} has no test`));
  for (const part of ['codec', 'store', 'transport', 'objects']) assert.ok(files.includes(`docs/internals/${part}.md`), part);
});
