import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { limits } from '../../src/rpc/limits.ts';
import { ChunkMemory, messageOf } from '../../src/rpc/servants/method.ts';
import { finished } from '../../src/rpc/engine/message.ts';
import { ByteSink_Write$Params } from '../../src/rpc/schema/pangea.ts';
import { Output } from '../../src/rpc/worker/output.ts';
import { ManualClock } from '../peers/manual-clock.ts';

const mebibyte = 1024 * 1024;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A socket whose other side takes what it is told to take. */
function slowSocket() {
  const taken: Buffer[] = [];
  let done: (() => void) | undefined;
  const socket = new Writable({
    highWaterMark: 16 * 1024,
    write: (chunk: Buffer, _, callback) => {
      taken.push(chunk);
      done = callback;
    },
  });
  return {
    socket: socket as unknown as Socket, taken: () => Buffer.concat(taken), writes: () => taken.length,
    take: async () => {
      const next = done;
      done = undefined;
      next?.();
      await turn();
    },
  };
}

test('pieces of one turn go as one write, in order', async () => {
  const { socket, taken, writes, take } = slowSocket();
  let reported = 0;
  const output = new Output(socket, new ManualClock(), { taken: (bytes) => (reported += bytes), spent: () => undefined, stuck: () => assert.fail() });
  for (let index = 0; index < 100; index++) output.send(Uint8Array.of(index));
  assert.equal(output.unreadBytes, 100);
  await turn();
  assert.equal(writes(), 1);
  assert.deepEqual([...taken()], Array.from({ length: 100 }, (_, index) => index));
  await take();
  assert.equal(output.unreadBytes, 0);
  assert.equal(reported, 100);
});

test('a large answer is written by the MiB, so that progress shows', async () => {
  const { socket, taken, take } = slowSocket();
  const clock = new ManualClock();
  let isStuck = false;
  const output = new Output(socket, clock, { taken: () => undefined, spent: () => undefined, stuck: () => (isStuck = true) });
  const answer = new Uint8Array(8 * mebibyte + 3);
  for (let index = 0; index < answer.length; index++) answer[index] = index;
  output.send(answer);
  await turn();
  assert.equal(output.isFull, true);
  // Slow, but not stuck: two writes in each span.
  for (let count = 0; count < 7; count++) {
    await clock.advance(limits.unreadTimeoutMs / 2 - 1);
    await take();
  }
  assert.ok(output.unreadBytes > 0);
  await take();
  assert.equal(output.unreadBytes, 0);
  assert.equal(isStuck, false);
  assert.ok(taken().equals(Buffer.from(answer)));
});

test('who takes next to nothing is stuck, and so is who takes nothing', async () => {
  const { socket } = slowSocket();
  const clock = new ManualClock();
  let isStuck = false;
  const output = new Output(socket, clock, { taken: () => undefined, spent: () => undefined, stuck: () => (isStuck = true) });
  output.send(new Uint8Array(5 * mebibyte));
  await turn();
  await clock.advance(limits.unreadTimeoutMs - 1);
  assert.equal(isStuck, false);
  await clock.advance(1);
  assert.equal(isStuck, true);
});

test('whoever waits for room hears of what was taken, of the end, and of its signal', async () => {
  const { socket, take } = slowSocket();
  const output = new Output(socket, new ManualClock(), { taken: () => undefined, spent: () => undefined, stuck: () => undefined });
  output.send(new Uint8Array(5 * mebibyte));
  await turn();
  const given = new AbortController();
  const waits = [output.changed(new AbortController().signal), output.changed(given.signal)];
  await take();
  await Promise.all(waits);
  const aborted = output.changed(given.signal);
  given.abort();
  await aborted;
  const last = output.changed(new AbortController().signal);
  output.close();
  await last;
});

test('what was sent before the end still goes out', async () => {
  const { socket, taken, take } = slowSocket();
  const output = new Output(socket, new ManualClock(), { taken: () => undefined, spent: () => undefined, stuck: () => undefined });
  output.send(new Uint8Array(3 * mebibyte).fill(1));
  output.send(Uint8Array.of(2));
  output.close();
  output.send(Uint8Array.of(3));
  for (let count = 0; count < 8; count++) await take();
  assert.equal(taken().length, 3 * mebibyte + 1);
  assert.equal(taken().at(-1), 2);
});

test('memory of chunks is used again once it was sent, and says the same then', () => {
  const chunks = new ChunkMemory(1);
  const chunk = (bytes: number, value: number): Uint8Array => {
    const message = chunks.message(ByteSink_Write$Params, (params) => params._initChunk(bytes).toUint8Array().fill(value), bytes);
    return finished(message);
  };
  const fresh = finished(messageOf(ByteSink_Write$Params, (params) => params._initChunk(mebibyte - 3).toUint8Array().fill(7), mebibyte));
  const first = chunk(mebibyte, 255);
  chunks.giveBack(first.buffer);
  // Given back twice, or never lent: neither is kept.
  chunks.giveBack(first.buffer);
  chunks.giveBack(new ArrayBuffer(mebibyte));
  const second = chunk(mebibyte - 3, 7);
  assert.equal(second.buffer, first.buffer);
  assert.ok(Buffer.from(second).equals(Buffer.from(fresh)));
  assert.notEqual(chunk(mebibyte, 1).buffer, second.buffer);
  // Small ones are not worth it.
  assert.ok(chunk(100, 1).buffer.byteLength < 1024);
});
