/**
 * All benchmarks: `npm run bench -- [codec] [store] [transport] [put-get] [--smoke] [--json] [--out FILE]`.
 * Each runs in a process of its own, so that one's memory and threads do not colour the next. Records are JSON lines.
 */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { table, type BenchRecord } from './record.ts';

const benches = ['codec', 'store', 'transport', 'put-get'] as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: 'boolean' }, json: { type: 'boolean' }, out: { type: 'string' } },
});
const unknown = positionals.filter((name) => !(benches as readonly string[]).includes(name));
if (unknown.length > 0) {
  process.stderr.write(`bench: there is no ${unknown.join(', ')}; there are ${benches.join(', ')}\n`);
  process.exit(64);
}

for (const name of benches) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const record = await runBench(name);
  if (values.out !== undefined) appendFileSync(values.out, `${JSON.stringify(record)}\n`);
  process.stdout.write(values.json ? `${JSON.stringify(record)}\n` : `${table(record)}\n\n`);
}

async function runBench(name: string): Promise<BenchRecord> {
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [file, '--json', ...(values.smoke ? ['--smoke'] : [])], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) {
    process.stderr.write(`bench: ${name} ended with ${String(code)}\n`);
    process.exit(1);
  }
  return JSON.parse(output) as BenchRecord;
}
