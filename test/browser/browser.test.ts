/** The WebAssembly codec in a real browser: what it makes there, Node reads. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { bodyFrom } from '../../src/body/body.ts';
import { createPortableCodec, loadWasm } from '../../src/codec/codec.ts';
import { findChromium, openPage } from './chromium.ts';
import type { Shown } from './example.ts';
import type { Findings } from './page.ts';
import { serveWithReport } from './serve.ts';

const found = findChromium();
const load = loadWasm();
const skip = 'reason' in found ? found.reason : load.ok ? false : load.reason;

/** Opens a page of the project and gives what it posts. */
async function reportOf(t: TestContext, page: string): Promise<Buffer> {
  const served = await serveWithReport();
  t.after(() => served.close());
  const browser = openPage((found as { path: string }).path, served.origin + page);
  t.after(() => browser.close());
  return Promise.race([served.report, browser.ended.then((text) => Promise.reject(new Error(`Chromium ended: ${text}`)))]);
}

test('a page encodes a file, decodes it from 8 of 12 shards, and Node reads the shards', { skip, timeout: 120_000 }, async (t) => {
  const bytes = 3_000_001;
  const report = await reportOf(t, `/test/browser/page.html?bytes=${bytes}`);
  const headBytes = report.readUInt32LE(0);
  const findings = JSON.parse(report.subarray(4, 4 + headBytes).toString()) as Findings;
  assert.equal(findings.failure, undefined);
  assert.equal(findings.same, true);
  assert.equal(findings.refused, 'CORRUPT');
  assert.equal(findings.kernels?.['reedSolomon'], 'simd128');

  let at = 4 + headBytes;
  const shards = (findings.shardBytes ?? []).map((length) => bodyFrom(report.subarray(at, (at += length))));
  assert.equal(at, report.length);
  const kept = shards.map((shard, row) => ([1, 2, 8, 11].includes(row) ? null : shard));
  const content = (await createPortableCodec().decodeWhole({ shards: kept, key: new Uint8Array(32).fill(9), maxBytes: bytes })).bytes();
  assert.equal(content.length, bytes);
  assert.ok(content.subarray(0, 4096).every((byte, index) => byte === 97 + (index % 23)), 'the content is that of the page');
});

test('the example page gives a file back from eight shards, and says why not from seven', { skip, timeout: 120_000 }, async (t) => {
  const shown = JSON.parse((await reportOf(t, '/test/browser/example.html')).toString()) as Shown;
  assert.deepEqual(shown, {
    names: Array.from({ length: 12 }, (_, row) => `words.txt.shard-${String(row).padStart(2, '0')}`),
    name: 'words.txt',
    content: 'any eight of twelve',
    refused: 'shards are there, 8 are needed',
  });
});
