import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bodyFrom, type Body } from '../../src/body/body.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import type { HostStream } from '../../src/host/host.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { candidateAddress, parseIceServer, withoutCandidates } from '../../src/transport/webrtc/ice.ts';
import { encodeSignal, SignalReader, signalLimits, type Signal } from '../../src/transport/webrtc/signal.ts';

function streamOf(pieces: readonly Uint8Array[]): HostStream {
  const left = [...pieces];
  return {
    peer: 'peer' as PeerId, protocol: 'test',
    read: async (): Promise<Body | undefined> => {
      const piece = left.shift();
      return piece === undefined ? undefined : bodyFrom(piece);
    },
    write: async () => undefined, closeWrite: async () => undefined, reset: () => undefined,
  };
}

async function readAll(pieces: readonly Uint8Array[]): Promise<Signal[]> {
  const reader = new SignalReader(streamOf(pieces));
  const signals: Signal[] = [];
  for (let signal = await reader.next(); signal !== undefined; signal = await reader.next()) signals.push(signal);
  return signals;
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const marks = [0, ...at.map((each) => each % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return marks.slice(1).map((end, i) => bytes.subarray(marks[i], end));
}

test('signals come back however the stream cuts them', async () => {
  const signal = fc.record({ type: fc.constantFrom('offer' as const, 'answer' as const, 'candidate' as const), text: fc.string({ maxLength: 300, unit: 'grapheme' }) }, { noNullPrototype: true });
  await fc.assert(fc.asyncProperty(fc.array(signal, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 }), async (signals, at) => {
    assert.deepEqual(await readAll(cut(new Uint8Array(Buffer.concat(signals.map(encodeSignal))), at)), signals);
  }), { seed: 5, numRuns: 200 });
});

test('hostile signals give PROTOCOL and nothing else', async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(), { maxLength: 4 }), async (bytes, at) => {
    await readAll(cut(bytes, at)).catch((error: unknown) => assert.ok(isPangeaError(error, 'PROTOCOL'), String(error)));
  }), { seed: 6, numRuns: 500 });
  const tooLong = encodeSignal({ type: 'offer', text: 'x'.repeat(signalLimits.textBytes + 1) });
  await assert.rejects(readAll([tooLong]), (error) => isPangeaError(error, 'PROTOCOL'));
  const many = Array.from({ length: signalLimits.messages + 1 }, () => encodeSignal({ type: 'candidate', text: '' }));
  await assert.rejects(readAll(many), (error) => isPangeaError(error, 'PROTOCOL'));
});

test('a candidate names an address or is not tried', () => {
  assert.equal(candidateAddress('a=candidate:1 1 UDP 2114977791 203.0.113.7 49390 typ host'), '203.0.113.7');
  assert.equal(candidateAddress('candidate:2 1 UDP 1 2001:db8::1 5 typ srflx raddr 0.0.0.0 rport 0'), '2001:db8::1');
  for (const bad of [
    'candidate:1 1 TCP 1 203.0.113.7 9 typ host', 'candidate:1 1 UDP 1 host.local 9 typ host', 'candidate:1 1 UDP 1 203.0.113.7 9 typ other',
    'candidate:1 1 UDP 1 fe80::1%eth0 9 typ host', '', 'candidate:',
  ]) assert.equal(candidateAddress(bad), undefined, bad);
  assert.equal(withoutCandidates('v=0\r\na=candidate:1 1 UDP 1 127.0.0.1 9 typ host\r\na=mid:0\r\na=end-of-candidates\r\n'), 'v=0\r\na=mid:0\r\n');
});

test('servers are read as the configuration writes them, and a bad one is named without its password', () => {
  assert.equal(parseIceServer('stun:stun.example:3478'), 'stun:stun.example:3478');
  assert.deepEqual(parseIceServer('turn:me:secret@turn.example:3478'), { hostname: 'turn.example', port: 3478, username: 'me', password: 'secret', relayType: 'TurnUdp' });
  assert.throws(() => parseIceServer('turn:me:secret@turn.example'), (error) => isPangeaError(error, 'CONFIG_INVALID') && !error.message.includes('secret'));
});

test('signals have the bytes of the schema', () => {
  assert.equal(Buffer.from(encodeSignal({ type: 'offer', text: 'v=0' })).toString('hex'), '0103000000763d30');
});
