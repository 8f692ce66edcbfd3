import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { GraphNode } from '../../../src/graph/data/node.ts';
import type { Delta, Value } from '../../../src/graph/data/types.ts';
import { isValue } from '../../../src/graph/data/value.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { openRadata, writeRadata } from '../../../src/graph/storage/radata.ts';
import { isProblem, readChunk } from '../../../src/graph/storage/radata-tree.ts';
import { collect, delta, plain } from '../../conformance/graph-store.ts';

function check(title: string, run: (directory: string) => Promise<void>): void {
  test(`radata: ${title}`, { timeout: 180_000 }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'pangea-radata-'));
    try {
      await run(directory);
    } finally {
      await rm(directory, { recursive: true, maxRetries: 5 });
    }
  });
}

const script = fileURLToPath(new URL('./gun-radata.cjs', import.meta.url));

/** What gun.js answers, a line for each question. */
async function askGun(word: string, directory: string, questions: readonly unknown[], ...more: string[]): Promise<unknown[]> {
  const child = spawn(process.execPath, [script, word, directory, ...more], { stdio: ['pipe', 'pipe', 'ignore'] });
  const answers: unknown[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => { if (/^(\{|null|\[)/.test(line)) answers.push(JSON.parse(line)); });
  child.stdin.end(questions.map((question) => `${JSON.stringify(question)}\n`).join(''));
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  return answers;
}

async function imported(directory: string): Promise<MemoryStore> {
  return (await importedWith(directory)).store;
}

async function importedWith(directory: string) {
  const store = new MemoryStore();
  const folder = await openRadata(directory);
  for await (const each of folder.deltas()) await store.write([each]);
  return { store, ...folder.progress() };
}

async function* nodesOf(deltas: readonly Delta[]): AsyncIterable<Delta> {
  yield* deltas;
}

check('takes in what gun.js wrote, every field that gun.js itself finds', async (directory) => {
  const count = 4_000;
  const folder = join(directory, 'radata');
  await askGun('write', folder, [], String(count));
  const { store, problems } = await importedWith(folder);
  const questions = Array.from({ length: count }, (_, at) => ['name', 'count', 'flag', 'none', 'next'].map((key) => [`node/${at}`, key] as const)).flat();
  const answers = await askGun('read', folder, questions);
  let found = 0;
  for (const [at, answer] of answers.entries()) {
    const [soul, key] = questions[at] as readonly [string, string];
    const { ':': value, '>': state } = (answer ?? {}) as { readonly ':'?: Value; readonly '>'?: number };
    // What gun.js itself misreads (see `chunkSteps`) is no measure.
    if (!isValue(value) || state === undefined) continue;
    found++;
    // Neither is what stands in a damaged part of the tree, which gun.js's search may still hit: it was told of.
    if (store.peek(soul)?.has(key) || !problems.some((problem) => problem.includes(`"${soul}`))) assert.deepEqual(store.peek(soul)?.field(key), { key, value, state });
  }
  const taken = (await collect(store.souls())).reduce((sum, soul) => sum + (store.peek(soul)?.size ?? 0), 0);
  assert.ok(found > count * 4 && taken >= found, `${found} found by gun.js, ${taken} by us`);
});

check('writes a folder that gun.js reads, over many chunks', async (directory) => {
  const count = 20_000;
  const state = 1_700_000_000_000.5;
  const deltas = Array.from({ length: count }, (_, at) => delta(`node/${String(at).padStart(6, '0')}`, { name: `name ${at}`, count: at, flag: at % 2 === 0, next: { '#': `node/${at + 1}` } }, state));
  deltas.unshift({ soul: 'big', fields: Array.from({ length: 30_000 }, (_, at) => ({ key: `item/${at}`, value: { '#': `item/${at}` }, state })) });
  deltas.unshift(delta('!first', { a: 1, aundefined: 2, 'é\u{1f600}': 'x\u{1f600}' }, state));
  const folder = join(directory, 'radata');
  const { files, fields } = await writeRadata(folder, nodesOf(deltas));
  assert.equal(fields, count * 4 + 30_000 + 3);
  assert.ok(files > 30 && (await readdir(folder)).length === files + 1);
  const questions = deltas.flatMap(({ soul, fields: some }) => some.map(({ key }) => [soul, key]));
  const answers = await askGun('read', folder, questions);
  const values = deltas.flatMap(({ fields: some }) => some.map(({ value }) => ({ ':': value, '>': state })));
  assert.deepEqual(answers, values);
  const [node] = await askGun('once', folder, ['node/012345']);
  assert.deepEqual({ ...(node as object), _: undefined }, { _: undefined, name: 'name 12345', count: 12_345, flag: false, next: { '#': 'node/12346' } });
});

check('what is written is read again, whatever the souls and keys', async (directory) => {
  const text = fc.string({ unit: 'binary', maxLength: 5 }).filter((some) => !some.includes('\u001b'));
  const souls = fc.oneof(text, fc.constantFrom('a', 'a\u0001', 'a\n', 'ab', 'undefined', '__proto__', '!', ' ', '\ud83d', '\u{1f600}', '\ue000'));
  const fields = fc.uniqueArray(fc.record({ key: souls, value: fc.oneof(text, fc.integer(), fc.constant(null)), state: fc.integer({ min: 1, max: 9 }) }), { minLength: 1, maxLength: 5, selector: ({ key }) => key });
  let round = 0;
  await fc.assert(fc.asyncProperty(fc.uniqueArray(fc.record({ soul: souls, fields }), { maxLength: 12, selector: ({ soul }) => soul }), async (deltas) => {
    const store = new MemoryStore();
    await store.write(deltas);
    const folder = join(directory, String(round++));
    await writeRadata(folder, inOrder(store));
    const back = await imported(folder);
    const all = await collect(store.souls());
    assert.deepEqual(await collect(back.souls()), all);
    for (const soul of all) assert.deepEqual(plain(back.peek(soul)), plain(store.peek(soul)));
  }), { numRuns: 60, seed: 4 });
});

async function* inOrder(store: MemoryStore): AsyncIterable<Delta> {
  for await (const soul of store.souls()) yield (store.peek(soul) as GraphNode).toDelta();
}

check('reads the text form from before there was JSON', async (directory) => {
  const unit = '\u001f';
  const esc = '\u001b';
  const number = (depth: number): string => `${unit}+${depth}${unit}`;
  const label = (text: string): string => `#${unit}"${text}${unit}`;
  const leaf = (value: string, state: number): string => {
    const text = `${value}>${esc}+${state}${esc}`;
    const inside = unit.repeat(text.split(unit).length - 1);
    return `:${unit}${inside}"${text}${unit}`;
  };
  const lines = [
    `${number(0)}${label('soul')}`,
    `${number(1)}${label(`${esc}a`)}${leaf(`${esc}"text${esc}`, 5)}`,
    `${number(1)}${label(`s${esc}`)}`,
    `${number(2)}${label('b')}${leaf(`${esc}+7${esc}`, 6.5)}`,
    `${number(2)}${label('c')}${leaf(`${esc} ${esc}`, 7)}`,
    `${number(2)}${label('d')}${leaf(`${esc}#there${esc}`, 8)}`,
    `${number(2)}${label('e')}${leaf(`${esc}+${esc}`, 9)}`,
    `${number(2)}${label('f')}${leaf(`${esc}"a${unit}b${esc}`, 10)}`,
  ];
  await writeFile(join(directory, '!'), lines.map((line) => `${line}\n`).join(''));
  const store = await imported(directory);
  assert.deepEqual(plain(store.peek('soul')), { a: ['text', 5] });
  assert.deepEqual(plain(store.peek('souls')), { b: [7, 6.5], c: [null, 7], d: [{ '#': 'there' }, 8], e: [true, 9], f: ['a\u001fb', 10] });
});

check('damage is counted and left out, the rest is taken', async (directory) => {
  await writeFile(join(directory, '%1C'), '{"!":{"":1},"soul":{"":1}}');
  await writeFile(join(directory, '!'), JSON.stringify({
    'a\u001b': { k: { '': { ':': 1, '>': 5 } }, key518: { undefined: { '': { ':': 2, '>': 5 } } }, array: { '': { ':': [1], '>': 5 } }, stateless: { '': { ':': 1 } }, mended: { '': { ':': 1, undefined: 6 } }, valued: { '': { undefined: 'v', '>': 6 } }, linked: { '': { ':': { undefined: 'soul' }, '>': 6 } }, early: { '': { ':': 1, '>': 'x' } }, leafless: 5 },
    'no-key': { '': { ':': 1, '>': 5 } },
    __proto__: { '\u001bk': { '': { ':': 'polluted', '>': 5 } } },
  }).replace('"no-key"', '"__proto__":{"\\u001bp":{"":{":":"text","\\u003e":5}}},"no-key"'));
  await writeFile(join(directory, 'soul'), '{"b\\u001bk":{"":{":":1,">":5');
  await writeFile(join(directory, 'text'), 'nothing of the kind');
  await mkdir(join(directory, 'elsewhere'));
  await rm(join(directory, 'elsewhere'), { recursive: true });
  const folder = await openRadata(directory);
  const store = new MemoryStore();
  for await (const each of folder.deltas()) await store.write([each]);
  assert.deepEqual(await collect(store.souls()), ['__proto__', 'a']);
  assert.deepEqual(plain(store.peek('a')), { k: [1, 5], mended: [1, 6], valued: ['v', 6], linked: [{ '#': 'soul' }, 6] });
  assert.deepEqual(plain(store.peek('__proto__')), { p: ['text', 5] });
  assert.equal((Object.prototype as { polluted?: unknown }).polluted, undefined);
  const { malformed, repaired, problems, fields, files, filesRead, bytes, bytesRead } = folder.progress();
  assert.deepEqual([malformed, problems.length, fields, repaired, files, filesRead], [8, 8, 5, 3, 3, 3]);
  assert.equal(bytes, bytesRead);
  await assert.rejects(openRadata(join(directory, 'none')), { code: 'NOT_FOUND' });
  await rm(join(directory, '!'));
  await rm(join(directory, '%1C'));
  await assert.rejects(openRadata(directory), { code: 'FILE_IO' });
  await assert.rejects(writeRadata(directory, nodesOf([])), { code: 'FILE_EXISTS' });
});

test('radata: no bytes make the reader of chunks throw anything but a SyntaxError, or give what is no field', () => {
  const pieces = fc.constantFrom('{', '}', '"', ':', '>', '#', '+', '-', ' ', '\n', '0', '1', ',', '[', ']', '\u001b', '\u001f', 'a', '"":', '{"":{":":1,">":1}}', 'null', '\\u001b', '\u001f+0\u001f#\u001f"a\u001f');
  fc.assert(fc.property(fc.oneof(fc.array(pieces, { maxLength: 60 }).map((some) => some.join('')), fc.json().map((json) => `{"a\\u001bk":${json}}`)), (text) => {
    try {
      for (const entry of readChunk(text)) {
        if (isProblem(entry)) continue;
        assert.ok(typeof entry.soul === 'string' && typeof entry.key === 'string' && Number.isFinite(entry.state));
        assert.ok(entry.value === null || ['string', 'number', 'boolean', 'object'].includes(typeof entry.value));
      }
    } catch (error) {
      assert.ok(error instanceof SyntaxError, String(error));
    }
  }), { numRuns: 3_000, seed: 6 });
});
