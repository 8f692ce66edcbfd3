/** Random data through gun.js's own SEA and ours, both ways, with both of its parsers. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { certify, decrypt, encrypt, fieldText, generatePair, readPacked, seaText, secret, sign, verify, work } from '../../../src/graph/sea/sea.ts';
import { createAuthor, Verifier } from '../../../src/graph/sea/sea.ts';
import type { Value } from '../../../src/graph/data/types.ts';
import { startGun } from './gun-child.ts';

const native = startGun('native');
const sorted = startGun('sorted');
after(() => Promise.all([native.close(), sorted.close()]));

const seed = 20_261_121;
const runs = { seed, numRuns: 60 };
const text = fc.string({ unit: 'binary', maxLength: 40 });
/** Objects move keys that are whole numbers to the front, whatever the text says: the two parsers of gun.js disagree on those. */
const key = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((each) => !/^\d+$/.test(each) && each !== '__proto__');
const scalar = fc.oneof(fc.boolean(), fc.constant(null), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), text);
const { data } = fc.letrec((tie) => ({
  data: fc.oneof({ maxDepth: 3 }, scalar, fc.array(tie('data'), { maxLength: 4 }), fc.dictionary(key, tie('data'), { maxKeys: 4 })),
}));
/** gun.js's own parser loses values in arrays in objects: `{"a":[[1]]}` is `{"a":[]}` to it. */
const misread = (signed: string): boolean => signed.includes('[');
const plain = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

test('what we sign verifies there, with either parser, and only for its signer', async () => {
  const [alice, bob] = await Promise.all([generatePair(), generatePair()]);
  await fc.assert(fc.asyncProperty(data, async (message) => {
    const signed = seaText(await sign(message, alice));
    const expected = plain(await verify(signed, alice.pub));
    assert.deepEqual(await native.call('verify', signed, alice.pub), expected);
    if (!misread(signed)) assert.deepEqual(await sorted.call('verify', signed, alice.pub), expected);
    assert.equal(await native.call('verify', signed, bob.pub), undefined);
  }), runs);
});

test('what gun.js signs, with either parser, verifies here, and only for its signer', async () => {
  const [alice, bob] = [await native.call<Awaited<ReturnType<typeof generatePair>>>('pair'), await generatePair()];
  await fc.assert(fc.asyncProperty(data, async (message) => {
    for (const child of [native, sorted]) {
      const signed = await child.call('sign', message, alice);
      assert.deepEqual(plain(await verify(signed, alice.pub)), await native.call('verify', signed, false));
      assert.notEqual(await verify(signed, alice), undefined);
      assert.equal(await verify(signed, bob), undefined);
    }
  }), runs);
});

test('ciphers, secrets and work are the same in both', async () => {
  const [alice, bob] = await Promise.all([generatePair(), native.call<Awaited<ReturnType<typeof generatePair>>>('pair')]);
  assert.equal(await secret(bob.epub, alice), await native.call('secret', alice.epub, bob));
  await fc.assert(fc.asyncProperty(data, text.filter((each) => each !== ''), async (message, password) => {
    const ours = `SEA${JSON.stringify(await encrypt(message, password))}`;
    assert.deepEqual(await native.call('decrypt', ours, password), plain(await decrypt(ours, password)));
    const theirs = await native.call('encrypt', message, alice);
    assert.deepEqual(await native.call('decrypt', theirs, alice), plain(await decrypt(theirs, alice)));
    assert.equal(await work(message, password, { iterations: 3 }), await native.call('work', message, password, { iterations: 3 }));
  }), { ...runs, numRuns: 30 });
});

test('fields that the author signs are fields of a user there', async () => {
  const pair = await generatePair();
  const author = createAuthor({ pair, verifier: new Verifier() });
  const value: fc.Arbitrary<Value> = fc.oneof(fc.boolean(), fc.constant(null), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), text, fc.record({ '#': text.filter((each) => each !== '') }));
  await fc.assert(fc.asyncProperty(value, text.filter((each) => each !== ''), fc.double({ min: 1, max: 2e12, noNaN: true }), async (written, name, state) => {
    const soul = `~${pair.pub}/path`;
    const [delta] = await author([{ soul, fields: [{ key: name, value: written, state }] }], {});
    const packed = delta?.fields[0]?.value;
    assert.deepEqual(await native.call('field', soul, name, packed, state, pair.pub), plain(written));
    assert.equal(await native.call('field', soul, name, packed, state + 1, pair.pub), undefined);
    const read = readPacked(packed);
    assert.ok(read);
    assert.equal(await new Verifier().check(fieldText(soul, name, read.value, state), read.signature, pair.pub), true);
  }), runs);
});

test('certificates of each are read by the other', async () => {
  const [alice, bob] = await Promise.all([generatePair(), generatePair()]);
  const policy = [{ '*': 'inbox', '+': '*' }, 'profile', { '#': { '*': 'notes' }, '.': 'text' }];
  const ours = seaText(await certify([bob, alice.pub], policy, alice, { expiry: 5e12, block: 'block' }));
  const theirs = await native.call('certify', [bob, alice.pub], policy, alice, { expiry: 5e12, block: 'block' });
  for (const child of [native, sorted]) assert.deepEqual(await child.call('verify', ours, alice.pub), await verify(theirs, alice));
});
