import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { recordAcceptor } from '../../src/dht/dht.ts';
import { parseValueKey, providerKey, valueKey } from '../../src/dht/keys.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { utf8 } from '../../src/std/std.ts';
import { testRules, testValue } from '../conformance/dht.ts';

const accept = recordAcceptor(testRules, { nowMs: () => Date.now() });

test('keys: what is made is read back, and nothing else is', () => {
  assert.deepEqual(parseValueKey(valueKey('note', 'a b')), { type: 'note', id: 'a b' });
  for (const [type, id] of [['', 'x'], ['Note', 'x'], ['note', ''], ['note', 'a/b'], ['note', 'a\nb'], ['note', 'x'.repeat(201)]] as const) {
    assert.throws(() => valueKey(type, id), (error) => isPangeaError(error, 'USAGE'));
    assert.equal(parseValueKey(utf8(`/pangea/${type}/${id}`)), undefined);
  }
  for (const text of ['/pk/x', '/other/note/x', 'pangea/note/x', '/pangea/note']) assert.equal(parseValueKey(utf8(text)), undefined);
  assert.equal(Buffer.from(providerKey(new Uint8Array(32).fill(0xab))).toString('hex'), `1220${'ab'.repeat(32)}`);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (key) => {
      const name = parseValueKey(key);
      if (name) assert.deepEqual(Buffer.from(valueKey(name.type, name.id)), Buffer.from(key));
    }),
    { seed: 4, numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.uint16Array({ maxLength: 220 }).map((units) => String.fromCharCode(...units)), (id) => {
      const name = parseValueKey(utf8(`/pangea/note/${id}`));
      if (name) assert.deepEqual(Buffer.from(valueKey(name.type, name.id)), Buffer.from(utf8(`/pangea/note/${id}`)));
    }),
    { seed: 4, numRuns: 2_000 },
  );
});

test('verdicts: valid, newer than held, and the same way round everywhere for equals', () => {
  const key = valueKey('note', 'x');
  const [old, young] = [testValue(1, 'old'), testValue(2, 'young')];
  assert.equal(accept(key, old, undefined), true);
  assert.equal(accept(key, young, old), true);
  assert.equal(accept(key, old, young), false);
  assert.equal(accept(key, old, old), true);
  assert.equal(accept(key, testValue(1, 'late', -2_000), undefined), false);
  assert.equal(accept(key, old, testValue(9, 'expired', -2_000)), true, 'an expired value holds no place');
  assert.equal(accept(valueKey('unknown', 'x'), old, undefined), false);
  assert.equal(accept(valueKey('constructor', 'x'), old, undefined), false);
  const [a, b] = [testValue(3, 'a'), testValue(3, 'b')];
  assert.equal(accept(key, a, b), false);
  assert.equal(accept(key, b, a), true);
});

test('verdicts never throw, even when the rules do', () => {
  const broken = recordAcceptor({ note: { valid: () => { throw new Error('no'); }, compare: () => 0 } }, { nowMs: () => 0 });
  assert.equal(broken(valueKey('note', 'x'), new Uint8Array(1), undefined), false);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ maxLength: 60 }), fc.option(fc.uint8Array({ maxLength: 60 }), { nil: undefined }), (key, value, held) => {
      accept(key, value, held);
      accept(valueKey('note', 'x'), value, held);
    }),
    { seed: 4, numRuns: 2_000 },
  );
});
