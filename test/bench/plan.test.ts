import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cell, fullSizes, groupOf, keyOf } from '../../bench/ces/cells.ts';
import { cellsOfRatios } from '../../bench/ces/goals.ts';
import { ceilingOf, planGroups } from '../../bench/ces/plan.ts';
import { type Hello, ops } from '../../bench/protocol.ts';

const bench = { sizes: fullSizes, cores: 2, judged: true };
const hello = (more: Partial<Hello>): Hello => ({ name: '', version: '', language: '', detail: '', ops, ...more });
const hellos = new Map<string, Hello>([
  ['native', hello({ kernels: ['gfni-avx512', 'avx2', 'scalar'], ciphers: ['dryoc', 'rustcrypto'] })],
  ['addon', hello({ ops: ops.filter((op) => !['store', 'compress', 'decompress'].includes(op)) })],
  ['wasm', hello({})],
  ['klauspost', hello({ ops: ['rs-encode', 'rs-decode'] })],
  ['isal-debian', hello({ ops: ['rs-encode', 'rs-decode'] })],
  ['seed-stack', hello({ ops: ['whole-encode', 'whole-decode'] })],
  ['zstd', hello({ ops: ['compress', 'decompress'] })],
  ['aws-lc', hello({ ops: ['seal', 'open'] })],
]);
const groups = planGroups(hellos, bench);
const table = groups.filter(({ ratio }) => ratio === '');
const cells = table.flatMap((group) => group.cells);
const find = (wanted: Partial<Cell>): Cell[] => cells.filter((cell) => Object.entries(wanted).every(([name, value]) => cell[name as keyof Cell] === value));

test('every kernel and every cipher is measured, the first choice under no name of its own', () => {
  const kernels = find({ subject: 'native', op: 'rs-encode', bytes: fullSizes.large, threads: 1 }).map(({ kernel }) => kernel);
  assert.deepEqual(kernels, [undefined, 'avx2', 'scalar']);
  assert.deepEqual(find({ subject: 'native', op: 'seal', bytes: fullSizes.small }).map(({ cipher }) => cipher), [undefined, 'rustcrypto']);
});

test('every cell that a ratio needs is planned once, where its subject is there and can do it', () => {
  const planned = new Set(cells.map(keyOf));
  assert.equal(planned.size, cells.length);
  for (const [name, wanted] of cellsOfRatios(bench)) {
    const can = new Set(wanted.filter(({ subject, op }) => hellos.get(subject)?.ops.includes(op)).map(keyOf));
    for (const key of can) assert.ok(planned.has(key), `${key} is not in the table`);
    const own = groups.find(({ ratio }) => ratio === name)?.cells.map(keyOf) ?? [];
    assert.deepEqual(new Set(own), can, name);
    assert.equal(own.length, can.size, `${name} measures something twice`);
  }
});

test('nothing is asked of a subject that it does not do', () => {
  for (const { subject, op } of groups.flatMap((group) => group.cells)) assert.ok(hellos.get(subject)?.ops.includes(op), `${subject} ${op}`);
});

test('a group holds what is compared side by side, and nothing else', () => {
  for (const group of table) assert.equal(new Set(group.cells.map(groupOf)).size, 1);
  const encode = table.find((group) => group.cells.some(({ subject, op, bytes }) => subject === 'klauspost' && op === 'rs-encode' && bytes === fullSizes.small))?.cells ?? [];
  assert.deepEqual(encode.map(({ subject, kernel }) => `${subject} ${kernel ?? ''}`.trim()), ['native', 'native avx2', 'native scalar', 'wasm', 'klauspost', 'isal-debian', 'isal-debian avx2']);
});

test('each rate has the copy of as many bytes on as many threads as its ceiling', () => {
  const planned = new Set(cells.map(keyOf));
  for (const cell of cells) assert.ok(planned.has(keyOf(ceilingOf(cell, 'native'))), keyOf(cell));
  assert.equal(ceilingOf({ subject: 'klauspost', op: 'rs-decode', bytes: 1024, data: 'random', threads: 1 }, 'native').bytes, 8192);
});

test('a rival that compresses does so at the level of text, ours decides by content on random data', () => {
  assert.deepEqual(find({ op: 'whole-encode', data: 'random', threads: 1 }).map(({ subject, level }) => [subject, level]), [['native', undefined], ['wasm', undefined], ['seed-stack', 3]]);
  assert.ok(find({ op: 'whole-encode', data: 'text' }).every(({ level }) => level === 3));
});

test('on one core nothing runs on several threads', () => {
  assert.ok(planGroups(hellos, { ...bench, cores: 1 }).flatMap((group) => group.cells).every(({ threads }) => threads === 1));
});
