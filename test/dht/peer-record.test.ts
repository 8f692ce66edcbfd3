/** Peer records: vectors, limits, hostile bytes, and which of two a network keeps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import {
  MemoryDhtNetwork, isCurrentStatement, parsePeerRecord, peerRecordLimits, peerRecordRules, peerRecordType, recordAcceptor, signPeerRecord,
} from '../../src/dht/dht.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { identityOfSeed } from '../../src/identity/identity.ts';
import { fromHex, toHex, utf8 } from '../../src/std/std.ts';
import vectors from '../vectors/dht/peer-record.json' with { type: 'json' };

const nowMs = 1_800_000_000_000;
const identity = identityOfSeed(new Uint8Array(32).fill(1));
const other = identityOfSeed(new Uint8Array(32).fill(2));
const statement = {
  sequence: nowMs, expiresMs: nowMs + 3_600_000, label: 42, version: '1.2.3', multiaddrs: ['/ip4/127.0.0.1/tcp/9091'],
};
const refused = (bytes: Uint8Array): void => assert.throws(() => parsePeerRecord(bytes), (error) => isPangeaError(error, 'PROTOCOL'));
const fuzzing = { seed: 20_261_121, numRuns: 2000 };

test('the vectors are what is made and read', () => {
  for (const { seed, key, record, ...said } of vectors) {
    const signer = identityOfSeed(fromHex(seed));
    assert.equal(toHex(signPeerRecord(signer, said)), record);
    assert.deepEqual(parsePeerRecord(fromHex(record)), { peer: signer.peerId, ...said });
    assert.equal(key, `/pangea/${peerRecordType}/${signer.peerId}`);
  }
});

test('what is signed is read back, cut to the limits', () => {
  const text = fc.string({ minLength: 1, maxLength: 300 });
  fc.assert(fc.property(fc.array(text, { maxLength: 40 }), text, fc.nat(), (addresses, version, label) => {
    const record = signPeerRecord(identity, { ...statement, label, version, multiaddrs: addresses.map((each) => `/${each}`) });
    const read = parsePeerRecord(record);
    assert.ok(record.length <= peerRecordLimits.bytes);
    assert.equal(read.peer, identity.peerId);
    assert.equal(read.label, label);
    assert.ok(read.multiaddrs.length <= peerRecordLimits.addresses && read.multiaddrs.every((each) => addresses.includes(each.slice(1))));
  }), { ...fuzzing, numRuns: 200 });
});

test('any other bytes are refused by one error', () => {
  const record = signPeerRecord(identity, statement);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), refused), fuzzing);
  fc.assert(fc.property(fc.nat(record.length * 8 - 1), (bit) => {
    const damaged = record.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    refused(damaged);
  }), fuzzing);
  for (let length = 0; length < record.length; length++) refused(record.subarray(0, length));
  refused(new Uint8Array([...record, 0]));
  refused(new Uint8Array(peerRecordLimits.bytes + 1));
});

test('a signature of another purpose is none', () => {
  const record = signPeerRecord({ publicKey: identity.publicKey, sign: (message) => identity.sign(message.subarray('pangea-node 1 peer record\0'.length)) }, statement);
  refused(record);
  refused(signPeerRecord({ publicKey: identity.publicKey, sign: (message) => other.sign(message) }, statement));
});

test('valid for its own name, and until it ends', () => {
  const record = signPeerRecord(identity, statement);
  assert.equal(peerRecordRules.valid(identity.peerId, record, nowMs), true);
  assert.equal(peerRecordRules.valid(other.peerId, record, nowMs), false);
  assert.equal(peerRecordRules.valid(identity.peerId, record, statement.expiresMs + 1), false);
  const far = { ...statement, peer: identity.peerId, expiresMs: nowMs + peerRecordLimits.lifetimeMs + peerRecordLimits.skewMs + 1 };
  assert.equal(isCurrentStatement(far, nowMs), false);
  assert.equal(isCurrentStatement(far, nowMs + 1), true);
});

test('a holder never takes an older record for a newer one, nor a foreign one for either', () => {
  const keep = recordAcceptor({ [peerRecordType]: peerRecordRules }, { nowMs: () => nowMs });
  const key = utf8(`/pangea/peer/${identity.peerId}`);
  const older = signPeerRecord(identity, statement);
  const newer = signPeerRecord(identity, { ...statement, sequence: statement.sequence + 1 });
  assert.equal(keep(key, older, undefined), true);
  assert.equal(keep(key, newer, older), true);
  assert.equal(keep(key, older, newer), false);
  assert.equal(keep(key, signPeerRecord(other, { ...statement, sequence: statement.sequence + 9 }), older), false);
  assert.equal(keep(key, signPeerRecord(identity, { ...statement, sequence: statement.sequence + 9, expiresMs: nowMs - 1 }), older), false);
});

test('a replayed record does not come back in a network', async () => {
  const network = new MemoryDhtNetwork();
  const clock = { nowMs: () => nowMs, monotonicMs: () => 0, sleep: async () => {}, after: () => ({ cancel: () => {} }) };
  const [a, b] = [identity, other].map(({ peerId }) => network.dht(peerId, [], { rules: { [peerRecordType]: peerRecordRules }, clock }));
  const older = signPeerRecord(identity, statement);
  const newer = signPeerRecord(identity, { ...statement, sequence: statement.sequence + 1, label: 43 });
  await a?.putValue(peerRecordType, identity.peerId, newer);
  await b?.putValue(peerRecordType, identity.peerId, older);
  for (const dht of [a, b]) assert.deepEqual(await dht?.getValue(peerRecordType, identity.peerId), newer);
  await Promise.all([a?.close(), b?.close()]);
});
