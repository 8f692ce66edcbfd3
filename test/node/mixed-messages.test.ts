import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bodyFrom, type Body } from '../../src/body/body.ts';
import type { Host, HostStream } from '../../src/host/host.ts';
import { identityOfSeed } from '../../src/identity/identity.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { encodeMessage, messageLimits, messageProtocol, Messages, parseMessage } from '../../src/node/mixed-messages.ts';
import { ManualClock } from '../peers/manual-clock.ts';

const peerId = (seed: number): PeerId => identityOfSeed(new Uint8Array(32).fill(seed)).peerId;

/** A served node with a clock that stands still, and what it answers to bytes of a peer. */
function served(admits = true) {
  const clock = new ManualClock();
  const taken: Uint8Array[] = [];
  let handler: ((stream: HostStream) => Promise<void>) | undefined;
  const host = { peerId: peerId(1), handle: (protocol: string, given: typeof handler) => { assert.equal(protocol, messageProtocol); handler = given; } } as unknown as Host;
  const messages = new Messages({ host, clock, admits: () => admits, onMessage: (_from, data) => taken.push(data) });
  messages.serve();
  const say = async (peer: PeerId, ...chunks: Uint8Array[]): Promise<number | undefined> => {
    let answer: number | undefined;
    await handler?.({
      peer, protocol: messageProtocol, read: async () => { const chunk = chunks.shift(); return chunk && bodyFrom(chunk); },
      write: async (body: Body) => { answer = body.bytes()[0]; }, closeWrite: async () => undefined, reset: () => undefined,
    });
    return answer;
  };
  return { clock, messages, taken, say };
}

test('a burst is taken, more has to wait, and time gives it back; each peer for itself', async () => {
  const { clock, taken, say } = served();
  const one = encodeMessage(Uint8Array.of(7));
  const answers = [];
  for (let i = 0; i < messageLimits.burst + 3; i++) answers.push(await say(peerId(2), one));
  assert.deepEqual(answers.slice(-4), [0, 1, 1, 1]);
  assert.equal(taken.length, messageLimits.burst);
  assert.equal(await say(peerId(3), one), 0);
  await clock.advance(1000);
  const later = [];
  for (let i = 0; i < messageLimits.perSecond + 1; i++) later.push(await say(peerId(2), one));
  assert.deepEqual([later.filter((answer) => answer === 0).length, later.at(-1)], [messageLimits.perSecond, 1]);
});

test('who may not speak is refused, and a message to oneself arrives', async () => {
  assert.equal(await served(false).say(peerId(2), encodeMessage(new Uint8Array(1))), 2);
  const { messages, taken } = served();
  await messages.send(peerId(1), Uint8Array.of(1, 2));
  assert.deepEqual(taken, [Uint8Array.of(1, 2)]);
});

test('only what was said whole is a message, in any cut of chunks', async () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
    assert.deepEqual(parseMessage(encodeMessage(data)), data);
  }), { seed: 1 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
    const data = parseMessage(bytes);
    assert.ok(data === undefined || data.length === bytes.length - 4);
  }), { seed: 2, numRuns: 5000 });
  const { taken, say } = served();
  const message = encodeMessage(Uint8Array.from({ length: 1000 }, (_, i) => i & 255));
  assert.equal(await say(peerId(2), message.subarray(0, 3), message.subarray(3, 5), message.subarray(5)), 0);
  assert.deepEqual(taken[0], message.subarray(4));
  await assert.rejects(say(peerId(2), new Uint8Array(messageLimits.bytes + 5)), { code: 'PROTOCOL' });
});
