/** Two of the pairs of `nat-matrix.ts`, and a file over nodes behind NATs: with real routers in network namespaces of their own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { loadNative } from '../../src/native/native.ts';
import { natObstacle } from './nat.ts';
import { runNatCase } from './nat-case.ts';
import { runNodesBehindNat } from './nat-nodes.ts';

const native = loadNative();
const reason = native.ok ? natObstacle() ?? false : native.reason;
const mib = 1024 * 1024;

test('two port-restricted cone NATs are punched through over QUIC', { skip: reason, timeout: 120_000 }, async () => {
  const { path, reports, punchedMs } = await runNatCase('cone', 'cone', 'quic', async (from, to) => {
    await from.ask({ do: 'echo', peer: to.peer, bytes: 4 * mib });
  });
  assert.equal(path, 'punched');
  assert.ok(punchedMs !== undefined && punchedMs > 0);
  assert.ok([...reports.a.punches, ...reports.b.punches].some(({ ok, detail }) => ok && detail.startsWith('/ip4/20.0.0.')), JSON.stringify(reports));
  assert.ok(reports.a.observed.includes('/ip4/20.0.0.1/udp/9091/quic-v1'), JSON.stringify(reports.a.observed));
});

test('two symmetric NATs are joined by the relay, and the report says so', { skip: reason, timeout: 120_000 }, async () => {
  const { path, reports } = await runNatCase('symmetric', 'symmetric', 'quic', async (from, to) => {
    await from.ask({ do: 'echo', peer: to.peer, bytes: 4 * mib });
  }, 5_000);
  assert.equal(path, 'relayed');
  assert.equal(reports.a.relays[0]?.state, 'reserved');
  assert.ok([...reports.a.punches, ...reports.b.punches].every(({ ok }) => !ok), JSON.stringify(reports));
});

test('a file is put and got back between nodes behind NATs', { skip: reason, timeout: 180_000 }, async () => {
  const { paths, putSeconds, getSeconds } = await runNodesBehindNat({ kind: 'cone', megabytes: 4 });
  assert.ok(putSeconds > 0 && getSeconds > 0);
  assert.notEqual(paths.aToB, undefined, 'the two nodes never met');
});

test('nothing is left behind', { skip: reason }, () => {
  const left = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
  assert.ok(!left.includes(`pgn${process.pid}-`), left);
});
