/** A subject whose figures and bytes the test chooses: `made-up.ts NAME CHECK [RATE] [die]`. */
import { createInterface } from 'node:readline';

const [name = '', check = '', rate = '1e9', fate = ''] = process.argv.slice(2);
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as { op: string; rounds: number; bytes: number };
  if (request.op !== 'hello' && fate === 'die') {
    process.stderr.write('fatal: it broke\n');
    process.exit(3);
  }
  const reply = request.op === 'hello'
    ? { name, version: '1', language: 'none', detail: '', ops: ['rs-encode', 'seal'] }
    : request.op === 'seal' && fate === 'silent' ? { rates: [], check: '' }
    : { rates: Array.from({ length: request.rounds }, () => Number(rate)), check: request.op === 'rs-encode' ? check : '' };
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
