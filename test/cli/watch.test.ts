import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openControlServer, type ControlServer, type DoctorReport, type FirewallView, type RepairView } from '../../src/control/control.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { MemoryNode } from '../control/memory-node.ts';
import { program, run, type Finished } from './run.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-watch-'));
const dataDir = join(directory, 'data');
const node = new MemoryNode();
const other = new MemoryNode(2);
node.meet(other);
const limits = { timeout: 60_000 };
let server: ControlServer;
before(async () => {
  mkdirSync(dataDir);
  server = await openControlServer({ dataDir, api: node, logger: silentLogger });
});
after(async () => {
  await server.close(500);
  rmSync(directory, { recursive: true });
});

const cli = (...args: string[]): Promise<Finished> => run(args, { env: { PANGEA_DATA_DIR: dataDir } });

test('events follows until Ctrl-C, as lines and as JSON, and shows control characters', limits, async () => {
  for (const [flags, want] of [
    [['message'], /message {2}from 2 {2}9 B {2}a\\x1b\[31mbad/],
    [['message', '--json'], /"kind":"message","atMs":\d+,"from":"12D3KooW[^"]*","label":2,"data":"YRtbMzFtYmFk"/],
  ] as const) {
    const child = spawn(process.execPath, [program, 'events', ...flags], { env: { ...process.env, PANGEA_DATA_DIR: dataDir }, stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      for (let tries = 0; node.listening === 0; tries++) {
        assert.ok(tries < 1000, 'it never followed');
        await sleep(10);
      }
      await other.mixed.sendMessage(1, Buffer.from('a\u001b[31mbad'));
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      assert.match(line, want);
      child.kill('SIGINT');
      const [code] = (await once(child, 'exit')) as [number];
      assert.equal(code, 0);
    } finally {
      child.kill('SIGKILL');
    }
    for (let tries = 0; node.listening > 0 && tries < 500; tries++) await sleep(10);
    assert.equal(node.listening, 0);
  }
  const wrong = await cli('events', 'weather');
  assert.deepEqual([wrong.code, /expected peer, object/.test(wrong.stderr)], [64, true]);
});

test('firewall shows the list, and --set replaces it or says why not', limits, async () => {
  const shown = await cli('firewall');
  assert.match(shown.stdout, /allows +127\.0\.0\.0\/8, ::1\/128/);
  const set = JSON.parse((await cli('firewall', '--set', '10.0.0.0/8', '--set', '192.0.2.1', '--json')).stdout) as FirewallView;
  assert.deepEqual(set.allow, ['10.0.0.0/8', '192.0.2.1/32']);
  const bad = await cli('firewall', '--set', 'everybody');
  assert.equal(bad.code, 78);
  assert.match(bad.stderr, /^pangea-node: CONFIG_INVALID: /);
  assert.deepEqual((await node.firewall()).allow, set.allow);
});

test('repair shows, pauses, goes on, and looks now', limits, async () => {
  assert.match((await cli('repair')).stdout, /rounds +go on/);
  assert.equal((JSON.parse((await cli('repair', '--pause', '--json')).stdout) as RepairView).paused, true);
  assert.match((await cli('repair', '--now')).stdout, /last round +\d{4}-/);
  assert.match((await cli('repair', '--resume')).stdout, /rounds +go on/);
  const both = await cli('repair', '--now', '--pause');
  assert.deepEqual([both.code, /exclude each other/.test(both.stderr)], [64, true]);
});

test('doctor tells of the running node, and without one of what can be seen; its exit code says whether something failed', limits, async () => {
  assert.match((await cli('doctor')).stdout, /^ok {2}clock/);
  const offline = await run(['doctor', '--json', '--data-dir', join(directory, 'none')], {});
  assert.equal(offline.code, 0);
  const report = JSON.parse(offline.stdout) as DoctorReport;
  assert.equal(report.checks[0]?.check, 'node');
  const closed = await run(['doctor', '--data-dir', join(directory, 'none'), '--bootstrap', '/ip4/127.0.0.1/tcp/1'], {});
  assert.equal(closed.code, 69);
  assert.match(closed.stdout, /failed +bootstrap +\/ip4\/127\.0\.0\.1\/tcp\/1: its TCP port does not answer/);
});
