/** libpangea_ces from C, Python and Go: the same bytes as the reference codec, arguments, ownership, leaks, keys. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { bodyFrom } from '../../src/body/body.ts';
import { createPortableCodec } from '../../src/codec/codec.ts';
import { seededRandom } from '../../src/std/std.ts';
import { buildC, buildGo, buildLibrary, python, run, runRustTestsSanitized, type Program } from './build.ts';

const timeout = 900_000;
const total = 12;
const folder = mkdtempSync(join(tmpdir(), 'pangea-cabi-'));
after(() => rmSync(folder, { recursive: true }));

const library = buildLibrary();
const programs: Record<'C' | 'Python' | 'Go', Program> = library !== undefined
  ? { C: library, Python: library, Go: library }
  : { C: buildC(join(folder, 'c')), Python: python(), Go: buildGo(join(folder, 'go')) };

/** The program, or the test is skipped by name. */
function commandOf(program: Program, context: TestContext): readonly [string, ...string[]] | undefined {
  if ('command' in program) return program.command;
  context.skip(program.missing);
  return undefined;
}

function succeeds(command: readonly [string, ...string[]], input?: Uint8Array, environment?: NodeJS.ProcessEnv): Buffer {
  const done = run(command, input, environment);
  assert.equal(done.code, 0, `${command.slice(1, 3).join(' ')} ended with ${done.code}\n${done.text}`);
  return done.out;
}

const random = seededRandom(11);
const key = random.bytes(32);
const keyHex = Buffer.from(key).toString('hex');
const contents: readonly [string, Uint8Array][] = [
  ['nothing', new Uint8Array(0)],
  ['one byte', Uint8Array.of(7)],
  ['text', Buffer.from('Pangea keeps pieces of what others put. '.repeat(9000))],
  ['a megabyte of random bytes and one', random.bytes(2 ** 20 + 1)],
];
const losses: readonly (readonly number[])[] = [[0, 1, 2, 3], [8, 9, 10, 11], [0, 4, 7, 11], [5]];
const codec = createPortableCodec();

for (const [language, program] of Object.entries(programs)) {
  test(`${language}: arguments, ownership and threads are as the header promises`, { timeout }, (context) => {
    const command = commandOf(program, context);
    if (command !== undefined) succeeds([...command, 'check']);
  });

  for (const [index, [content, plaintext]] of contents.entries()) {
    const lost = losses[index % losses.length] ?? [];

    test(`${language}: the reference opens what it makes of ${content}`, { timeout }, async (context) => {
      const command = commandOf(program, context);
      if (command === undefined) return;
      const joined = succeeds([...command, 'encode', keyHex, String([0, 1, 9, 3][index])], plaintext);
      assert.equal(joined.length % total, 0);
      const shardBytes = joined.length / total;
      const shards = Array.from({ length: total }, (_, row) =>
        lost.includes(row) ? null : bodyFrom(joined.subarray(row * shardBytes, (row + 1) * shardBytes)));
      const opened = await codec.decodeWhole({ shards, key, maxBytes: plaintext.length });
      assert.deepEqual(Buffer.from(opened.bytes()), Buffer.from(plaintext));
    });

    test(`${language}: it opens what the reference makes of ${content}`, { timeout }, async (context) => {
      const command = commandOf(program, context);
      if (command === undefined) return;
      const { shards } = await codec.encodeWhole({ plaintext: [plaintext], key, compression: 3 });
      const joined = Buffer.concat(shards.map((shard) => shard.bytes()));
      assert.deepEqual(succeeds([...command, 'decode', keyHex, lost.join(',')], joined), Buffer.from(plaintext));
    });
  }
}

test('C: threads share a handle, and a thousand handles come and go', { timeout }, (context) => {
  const command = commandOf(programs.C, context);
  if (command === undefined) return;
  succeeds([...command, 'threads']);
  succeeds([...command, 'loops', '1000']);
});

test('C: the key is nowhere in memory once its handle is freed, and in no copy before', { timeout, skip: process.platform !== 'linux' && 'needs /proc' }, (context) => {
  const command = commandOf(programs.C, context);
  if (command !== undefined) succeeds([...command, 'wiped']);
});

test('C with AddressSanitizer and UndefinedBehaviorSanitizer: no leak and no bad access', { timeout }, (context) => {
  const command = commandOf(library ?? buildC(join(folder, 'sanitized'), ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']), context);
  if (command === undefined) return;
  const environment = { ASAN_OPTIONS: 'detect_leaks=1' };
  const leak = run([...command, 'leak'], undefined, environment);
  if (leak.text.includes('LeakSanitizer has encountered a fatal error')) {
    context.skip('LeakSanitizer may not trace processes here');
    return;
  }
  assert.match(leak.text, /LeakSanitizer: detected memory leaks/, 'a leak is found when there is one');
  for (const args of [['check'], ['loops', '1000'], ['threads']]) succeeds([...command, ...args], undefined, environment);
});

test('the Rust side with AddressSanitizer of a nightly compiler', { timeout }, (context) => {
  const done = library ?? runRustTestsSanitized();
  if ('missing' in done) {
    context.skip(done.missing);
    return;
  }
  assert.equal(done.code, 0, `${done.text}\n${String(done.out)}`);
  assert.match(String(done.out), /test result: ok\. [1-9]/);
});
