/** The bench of RPC in its smallest size, and how its figures are set against each other. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { BenchRecord } from '../../bench/record.ts';
import { Client, Server } from '../../bench/rpc/processes.ts';
import { Figures } from '../../bench/rpc/figures.ts';

const program = fileURLToPath(new URL('../../bench/rpc.ts', import.meta.url));

test('every server answers every client, and what is missing is named', { timeout: 280_000 }, async () => {
  const child = spawn(process.execPath, [program, '--smoke', '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, stderr);
  const { bench, rows, machine } = JSON.parse(stdout) as BenchRecord;
  assert.equal(bench, 'rpc');
  assert.ok(machine.cpu.length > 0);
  const isMissing = (what: string): boolean => stderr.includes(`left out: ${what}: `);
  const clients = ['go', 'python'].filter((id) => !isMissing(`client ${id}`));
  const servers = ['native', 'wasm', 'c++', 'go'].filter((id) => !isMissing(`server ${id}`));
  for (const client of clients) {
    for (const server of servers) {
      for (const workload of ['about, 1 in flight', 'about, 64 in flight', 'getNode, 1 in flight', 'getNode, 64 in flight', 'echo 1 MiB', 'streaming put', 'streaming get']) {
        const row = rows.find((each) => each.workload === `rpc ${workload}` && each.variant === `${server}, ${client} client` && each.unit.endsWith('/s'));
        assert.ok(row !== undefined && row.value.median > 0, `${workload} on ${server} by ${client}`);
      }
    }
    for (const op of ['put', 'get']) assert.ok(rows.some(({ workload, variant }) => workload === `rpc streaming ${op}` && variant === `raw, ${client} client`), op);
    if (servers.includes('c++')) {
      for (const mine of ['native', 'wasm'].filter((id) => servers.includes(id))) {
        assert.ok(rows.some(({ workload, variant, unit }) => workload === 'ratio to c++: about, 64 in flight, goal 0.8' && variant === `${mine}, ${client} client` && unit === 'x'));
      }
    }
  }
  assert.ok(servers.includes('wasm'), stderr);
});

test('ratios are taken round by round, against the same workload by the same client', () => {
  const figures = new Figures();
  const drift = [1, 0.5, 2];
  for (const by of drift) {
    figures.add('streaming put', 'native', 'go', 'MiB/s', 700 * by);
    figures.add('streaming put', 'raw', 'go', 'MiB/s', 1000 * by);
    figures.add('streaming put', 'raw', 'python', 'MiB/s', 1);
    figures.add('streaming put', 'native', 'go', 'CPU-s/GiB', 1);
  }
  const [ratio, ...rest] = figures.ratios(['native']);
  assert.deepEqual(rest, []);
  assert.equal(ratio?.workload, 'ratio to raw: streaming put, goal 0.7');
  assert.ok(Math.abs((ratio?.value.min ?? 0) - 0.7) < 1e-12 && Math.abs((ratio?.value.max ?? 0) - 0.7) < 1e-12);
});

test('a server that never listens and a client that fails are told with their reason', { timeout: 30_000 }, async () => {
  const made = (code: string) => ({ id: 'made up', command: process.execPath, args: ['-e', code], missing: '' });
  await assert.rejects(Server.start(made('process.exit(3)')), /made up ended before it listened/);
  await assert.rejects(Server.start({ ...made(''), command: '/nonexistent/program' }), /ENOENT/);
  const client = new Client(made('process.stdin.on("data", () => console.log(JSON.stringify({ error: "it broke" })))'));
  await assert.rejects(client.ask({ op: 'about' }), /made up client failed in about: it broke/);
  await client.stop();
  const silent = new Client(made('process.stdin.on("data", () => process.exit())'));
  await assert.rejects(silent.ask({ op: 'echo' }), /gives no answer to echo/);
  await silent.stop();
});
