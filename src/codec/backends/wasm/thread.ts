/** A thread of the pool: takes calls one at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import { asPangeaError } from '../../../errors/errors.ts';
import { Ces } from './core.ts';
import type { WasmModule } from './engine.ts';
import type { Answer, Request } from './pool.ts';

const ces = new Ces(workerData as WasmModule);
let mailbox = new SharedArrayBuffer(0);

parentPort?.on('message', ({ call, lengths, mailbox: renewed }: Request) => {
  mailbox = renewed ?? mailbox;
  let at = 0;
  const inputs = lengths.map((length) => (length === null ? null : new Uint8Array(mailbox, (at += length) - length, length)));
  let answer: Answer;
  try {
    answer = { outcome: ces.perform(call, inputs) };
  } catch (error) {
    const { code, message } = asPangeaError(error);
    answer = { failure: `${code}: ${message}` };
  }
  parentPort?.postMessage(answer, 'outcome' in answer ? [answer.outcome.bytes.buffer] : []);
});
