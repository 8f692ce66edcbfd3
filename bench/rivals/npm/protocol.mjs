// bench/protocol.ts for the packages of this folder: one JSON request a line in, one JSON reply a line out.
import { closeSync, openSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';

export const dataRows = 8;
export const parityRows = 4;

const maxBytes = 2 ** 30;
const maxRounds = 10_000;

/**
 * Answers until stdin ends. `rival` has `hello` and `subject(request, data)`, which gives `call` and, where needed,
 * `prepare` (brings back what a call used up, not timed) and `check` (xxhash64 of the output, where the input decides it).
 */
export async function serve(rival) {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    let reply;
    try {
      const request = { rounds: 1, roundMs: 20, threads: 1, ...JSON.parse(line) };
      reply = request.op === 'hello' ? rival.hello : await measure(rival, request);
    } catch (error) {
      reply = { error: error instanceof Error ? error.message : String(error) };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
}

async function measure(rival, request) {
  const { op, bytes, rounds, roundMs, threads } = request;
  if (!rival.hello.ops.includes(op)) throw new Error(`no such op: ${op}`);
  if (!(bytes >= 1 && bytes <= maxBytes && rounds >= 1 && rounds <= maxRounds)) throw new Error('bytes or rounds are missing or out of range');
  if (threads !== 1) throw new Error('this program runs on one thread');
  const dataBytes = op.startsWith('rs-') ? bytes * dataRows : bytes;
  const subject = await rival.subject(request, read(request.file, dataBytes));
  await roundRate(subject, 0, dataBytes);
  const rates = [];
  for (let round = 0; round < rounds; round++) rates.push(await roundRate(subject, roundMs, dataBytes));
  return { rates, check: subject.check?.() ?? '' };
}

async function roundRate({ prepare, call }, roundMs, dataBytes) {
  let spentMs = 0;
  let calls = 0;
  do {
    prepare?.();
    const start = performance.now();
    const pending = call();
    if (pending instanceof Promise) await pending;
    spentMs += performance.now() - start;
    calls++;
  } while (spentMs < roundMs);
  return (dataBytes * calls) / (spentMs / 1000);
}

function read(file, bytes) {
  const data = Buffer.alloc(bytes);
  const descriptor = openSync(file, 'r');
  try {
    if (readSync(descriptor, data, 0, bytes, 0) !== bytes) throw new Error('the file is too short');
  } finally {
    closeSync(descriptor);
  }
  return data;
}
