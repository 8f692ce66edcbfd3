/** What a user can get wrong about a link: each gets one line with a stable code, and no file. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { errorCodes, type ErrorCode } from '../../src/errors/errors.ts';
import { formatLink, parseLink } from '../../src/objects/objects.ts';
import { run } from '../cli/run.ts';
import { NodeProcess } from '../node/process.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-mistakes-'));
const dataDir = join(directory, 'data');
let node: NodeProcess;
before(async () => {
  node = new NodeProcess(dataDir);
  await node.said('ready');
}, { timeout: 60_000 });
after(async () => {
  assert.equal(await node.stop(), 0);
  rmSync(directory, { recursive: true, force: true });
});

async function fails(reference: string, code: ErrorCode, ...args: string[]): Promise<void> {
  const out = join(directory, 'out');
  const finished = await run(['get', reference, '-o', out, '--data-dir', dataDir, ...args]);
  assert.match(finished.stderr, new RegExp(`^pangea-node: ${code}: [^\\n]+\\n$`), reference);
  assert.equal(finished.code, errorCodes[code]);
  assert.ok(!finished.stderr.includes(reference) || !reference.startsWith('pangea:1:'), 'a link is not repeated in messages');
  assert.equal(existsSync(out), false);
}

test('wrong, truncated, foreign and deleted links', { timeout: 120_000 }, async () => {
  writeFileSync(join(directory, 'file'), 'x'.repeat(100_000));
  const put = await run(['put', join(directory, 'file'), '--data-dir', dataDir]);
  const link = put.stdout.trim();
  const { root, key } = parseLink(link);
  assert.ok(key);
  await fails(link.slice(0, -4), 'LINK_TRUNCATED');
  await fails(`${link.slice(0, -1)}${link.endsWith('a') ? 'b' : 'a'}`, 'LINK_INVALID');
  await fails(formatLink({ root, key: key.map((byte) => byte ^ 1) }), 'WRONG_KEY');
  await fails(formatLink({ root: root.map((byte) => byte ^ 1), key }), 'NOT_FOUND');
  await fails('ab'.repeat(32), 'NO_KEY');
  await fails('no such name', 'NOT_FOUND');
  const removed = await run(['rm', 'file', '--data-dir', dataDir]);
  assert.equal(removed.code, 0, removed.stderr);
  await fails(link, 'NOT_FOUND');
});
