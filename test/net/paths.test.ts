/** A small seeded part of `test/net/run.ts`: nodes in namespaces of their own, with delay and loss between them, one killed during a read. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadNative } from '../../src/native/native.ts';

const native = loadNative();

/** Why namespaces cannot be made here, or `undefined`. */
function obstacle(): string | undefined {
  if (!native.ok) return native.reason;
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  for (const tool of ['cc', 'ip']) if (spawnSync(tool, ['--version']).error) return `needs ${tool}`;
  const name = `pangea-probe${process.pid}`;
  try {
    execFileSync('ip', ['netns', 'add', name], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'network namespaces are not allowed here';
  }
}

const reason = obstacle();

test('nodes over paths with 50 ms and 1 % loss keep a file and a tree safe', { timeout: 300_000, skip: reason ?? false }, () => {
  const program = fileURLToPath(new URL('run.ts', import.meta.url));
  const done = spawnSync(process.execPath, [program, '--nodes', '5', '--size', '10', '--files', '10', '--kill', '1', '--seed', '7'], { encoding: 'utf8', timeout: 280_000 });
  assert.equal(done.status, 0, `${done.stdout}\n${done.stderr}`);
  const steps = done.stdout.trim().split('\n').map((line) => JSON.parse(line) as { step: string; survivesFailures?: number });
  assert.deepEqual(steps.map(({ step }) => step), ['started', 'put', 'get', 'get while killing', 'tree', 'ended']);
  assert.equal(steps[1]?.survivesFailures, 1);
});
