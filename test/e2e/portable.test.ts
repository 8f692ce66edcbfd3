/** The same without the addon: js-libp2p, portable codec, node-fs store. And what was put survives a restart of all nodes. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { PutResult } from '../../src/control/control.ts';
import { seededRandom } from '../../src/std/std.ts';
import { run } from '../cli/run.ts';
import { startDev, type DevNode } from './local-network.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-portable-'));
const env = { PANGEA_NATIVE: 'off' };
after(() => rmSync(directory, { recursive: true, force: true }));

async function get(node: DevNode | undefined, link: string, want: Uint8Array): Promise<void> {
  const out = join(directory, 'copy');
  const { code, stderr } = await run(['get', link, '-o', out, '--overwrite', '--data-dir', node?.dataDir ?? ''], { env });
  assert.equal(code, 0, stderr);
  assert.ok(readFileSync(out).equals(want));
}

test('three nodes on portable paths: sizes, one killed, and a restart', { timeout: 240_000 }, async () => {
  const dataDir = join(directory, 'net');
  const files = [0, 1, 65_536, 3_000_000, 9_000_001].map((bytes) => ({ bytes, content: seededRandom(bytes).bytes(bytes), link: '' }));
  const network = await startDev(3, { env, dataDir });
  try {
    for (const file of files) {
      const path = join(directory, `f${file.bytes}`);
      writeFileSync(path, file.content);
      const { code, stdout, stderr } = await run(['put', path, '--json', '--data-dir', network.nodes[0]?.dataDir ?? ''], { env });
      assert.equal(code, 0, stderr);
      const put = JSON.parse(stdout) as PutResult;
      assert.equal(put.survivesFailures, 1);
      file.link = put.link;
    }
    for (const { link, content } of files) await get(network.nodes[1], link, content);
    process.kill(network.nodes[0]?.pid ?? 0, 'SIGKILL');
    for (const { link, content } of files) await get(network.nodes[2], link, content);
  } finally {
    await network.stop();
  }
  const again = await startDev(3, { env, dataDir });
  try {
    assert.deepEqual(again.nodes.map(({ peerId }) => peerId), network.nodes.map(({ peerId }) => peerId));
    for (const { link, content } of files) await get(again.nodes[0], link, content);
  } finally {
    assert.equal(await again.stop(), 0);
  }
});
