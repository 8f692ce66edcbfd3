/** The rivals speak the protocol of the benchmarks, and those that code as we do make our bytes. None needs to be there. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { xxh64 } from '@node-rs/xxhash';
import { dataBytesOf, parseHello, parseMeasured, type MeasureRequest, type Op } from '../../bench/protocol.ts';
import { list } from '../../bench/rivals/rivals.ts';
import { seededRandom } from '../../src/std/std.ts';

const rowBytes = 4096;
const timeout = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'pangea-rivals-'));
const file = join(folder, 'data');
const data = seededRandom(5).bytes(8 * rowBytes);
writeFileSync(file, data);
after(() => rmSync(folder, { recursive: true }));

const hash = (bytes: Uint8Array): string => xxh64(bytes).toString(16).padStart(16, '0');
const row = (index: number): Uint8Array => data.subarray(index * rowBytes, (index + 1) * rowBytes);

/** Sends lines, closes the input, and gives the answers once the program has ended by itself. */
function converse(command: string, args: readonly string[], lines: readonly string[]): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], timeout });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += String(chunk)));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code !== 0) reject(new Error(`ended with ${signal ?? String(code)}`));
      else resolve(out.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown));
    });
    child.stdin.end(`${lines.join('\n')}\n`);
  });
}

function request(op: Op): MeasureRequest {
  return { op, file, bytes: rowBytes, rounds: 2, roundMs: 1 };
}

/** The same code from its definition: multiply bit by bit, modulo 0x11D. */
function parityOf(shards: readonly Uint8Array[]): Uint8Array {
  const matrix = [
    [26, 132, 186, 51, 231, 16, 198, 39], [132, 26, 51, 186, 16, 231, 39, 198],
    [186, 51, 26, 132, 198, 39, 231, 16], [51, 186, 132, 26, 39, 198, 16, 231],
  ];
  const times = (a: number, b: number): number => {
    let product = 0;
    for (let bit = 7; bit >= 0; bit--) {
      product = (product << 1) ^ (product & 0x80 ? 0x11d : 0);
      if ((b >> bit) & 1) product ^= a;
    }
    return product;
  };
  return Buffer.concat(matrix.map((coefficients) => Uint8Array.from({ length: rowBytes }, (_, at) =>
    coefficients.reduce((sum, coefficient, index) => sum ^ times(coefficient, shards[index]?.[at] ?? 0), 0))));
}

const plain = hash(data.subarray(0, rowBytes));
const expected: Partial<Record<Op, string>> = {
  'rs-decode': hash(data.subarray(0, 4 * rowBytes)), 'rs-repair': hash(row(0)), open: plain, decompress: plain, 'whole-decode': plain,
};
const ourParity = hash(parityOf(Array.from({ length: 8 }, (_, index) => row(index))));
const ofAnotherCode = new Set(['reed-solomon-simd', 'ronomon']);

test('every rival is listed once, and a missing one says why', () => {
  const rivals = list();
  assert.equal(new Set(rivals.map(({ id }) => id)).size, rivals.length);
  for (const id of ['isal-debian', 'isal', 'klauspost', 'reed-solomon-erasure', 'reed-solomon-simd', 'aws-lc', 'seed-stack', 'npm-stack']) {
    assert.ok(rivals.some((rival) => rival.id === id), id);
  }
  for (const { present, reason } of rivals) assert.equal(present, reason === '');
});

for (const { id, command, args, present, reason } of list()) {
  test(`${id} speaks the protocol`, { timeout: 2 * timeout, skip: present ? false : `missing: ${reason}` }, async () => {
    const hello = parseHello((await converse(command, args, ['{"op":"hello"}']))[0]);
    assert.ok(hello.ops.length > 0 && hello.version !== '');
    const ops = hello.ops as readonly Op[];
    const [noOp, noRequest, noFile, tooLong, ...measured] = await converse(command, args, [
      JSON.stringify({ ...request('copy'), op: 'no-such-op' }),
      '{"op":',
      JSON.stringify({ ...request(ops[0] as Op), file: join(folder, 'absent') }),
      JSON.stringify({ ...request(ops[0] as Op), bytes: 2 * data.length }),
      '', // is passed over
      ...ops.map((op) => JSON.stringify(request(op))),
    ]);
    for (const refused of [noOp, noRequest, noFile, tooLong]) assert.equal(typeof (refused as { error?: unknown }).error, 'string');
    assert.equal(measured.length, ops.length);
    for (const [index, op] of ops.entries()) {
      const { check } = parseMeasured(measured[index], request(op));
      if (op === 'rs-encode') assert.equal(check, ofAnotherCode.has(id) ? '' : ourParity, op);
      else if (op === 'hash') assert.match(check, /^[0-9a-f]{16}$/);
      else assert.equal(check, expected[op] ?? '', op);
    }
  });
}

test('the protocol in JavaScript measures rounds and answers bad lines', async () => {
  const protocol = pathToFileURL(join(import.meta.dirname, '..', '..', 'bench', 'rivals', 'npm', 'protocol.mjs'));
  const program = `import { serve } from '${protocol.href}';
    const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    await serve({ hello: { name: 'made up', ops: ['copy'] }, subject: (_, data) => ({ call: () => sleep(2), check: () => String(data.length) }) });`;
  const [hello, copied, broken, wrongOp] = await converse(process.execPath, ['--input-type=module', '-e', program], [
    '{"op":"hello"}', JSON.stringify(request('copy')), 'nonsense', JSON.stringify(request('seal')),
  ]);
  assert.equal(parseHello(hello).name, 'made up');
  const { rates, check } = parseMeasured(copied, request('copy'));
  assert.equal(check, String(dataBytesOf(request('copy'))));
  assert.ok(rates.every((rate) => rate <= rowBytes / 0.001), 'a call of 2 ms is not faster than that');
  for (const refused of [broken, wrongOp]) assert.equal(typeof (refused as { error?: unknown }).error, 'string');
});
