import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { fromHex, toHex } from '../../src/std/std.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { createOwnerKeys, loadOwnerKeys, masterOfPhrase, ownerKeysOf, restoreOwnerKeys } from '../../src/identity/identity.ts';
import { deriveKey } from './derive-key.ts';
import vectors from '../vectors/owner-keys.json' with { type: 'json' };

const scratch = await mkdtemp(join(tmpdir(), 'pangea-owner-'));
after(() => rm(scratch, { recursive: true }));

test('keys and phrase of known master secrets never change', () => {
  for (const vector of vectors) {
    const owner = ownerKeysOf(fromHex(vector.master), deriveKey);
    assert.equal(owner.recoveryPhrase(), vector.phrase);
    assert.equal(toHex(owner.objectKey(fromHex(vector.salt))), vector.objectKey);
    assert.equal(toHex(owner.catalogueKey), vector.catalogueKey);
    assert.equal(toHex(owner.networkSeed), vector.networkSeed);
    assert.equal(toHex(masterOfPhrase(vector.phrase)), vector.master);
  }
});

test('an owner is made once and comes back from the file, and from the phrase elsewhere', async () => {
  const home = join(scratch, 'home');
  assert.equal(await loadOwnerKeys(home, deriveKey), undefined);
  const made = await createOwnerKeys(home, deriveKey);
  assert.equal((await stat(join(home, 'owner.key'))).mode & 0o777, 0o600);
  await assert.rejects(createOwnerKeys(home, deriveKey), { code: 'KEY_FILE_EXISTS' });
  const loaded = await loadOwnerKeys(home, deriveKey);
  assert.deepEqual(loaded?.networkSeed, made.networkSeed);
  const shouted = `  ${made.recoveryPhrase().toUpperCase().replaceAll(' ', ' \n ')} `;
  const restored = await restoreOwnerKeys(join(scratch, 'elsewhere'), shouted, deriveKey);
  const salt = new Uint8Array(32).fill(9);
  assert.deepEqual(restored.objectKey(salt), made.objectKey(salt));
  await assert.rejects(restoreOwnerKeys(home, shouted, deriveKey), { code: 'KEY_FILE_EXISTS' });
});

test('a wrong phrase is told without repeating a word of it', () => {
  const words = ownerKeysOf(new Uint8Array(32).fill(7), deriveKey).recoveryPhrase().split(' ');
  const fails = (phrase: string, message: RegExp): void => {
    assert.throws(() => masterOfPhrase(phrase), (error) => {
      assert.ok(isPangeaError(error, 'PHRASE_INVALID'), String(error));
      assert.match(error.message, message);
      assert.ok(words.every((word) => word.length < 5 || !error.message.includes(word)), error.message);
      return true;
    });
  };
  fails('', /24 words/);
  fails(words.slice(1).join(' '), /24 words, not 23/);
  fails(words.with(4, 'zzzz').join(' '), /word 5/);
  fails(words.with(23, words[0] === 'zoo' ? 'abandon' : 'zoo').join(' '), /checksum/);
});

test('any text is a master secret or PHRASE_INVALID', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.array(fc.constantFrom('zoo', 'abandon', 'art'), { minLength: 24, maxLength: 24 }).map((words) => words.join(' '))), (text) => {
      try {
        assert.equal(masterOfPhrase(text).length, 32);
      } catch (error) {
        assert.ok(isPangeaError(error, 'PHRASE_INVALID'));
      }
    }),
    { seed: 6, numRuns: 500 },
  );
});
