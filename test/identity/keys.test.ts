import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import fc from 'fast-check';
import { fromHex, toHex, utf8 } from '../../src/std/std.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { parsePeerId, type PeerId } from '../../src/ids/ids.ts';
import { createIdentity, identityOfSeed, loadIdentity, peerIdOf, publicKeyOf, verifySignature } from '../../src/identity/identity.ts';
import { readKeyFile } from '../../src/identity/key-file.ts';

const scratch = await mkdtemp(join(tmpdir(), 'pangea-keys-'));
after(() => rm(scratch, { recursive: true }));
let count = 0;
const directory = (): string => join(scratch, `node-${count++}`);

test('RFC 8032 test 2: key and signature', () => {
  const identity = identityOfSeed(fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'));
  assert.equal(toHex(identity.publicKey), '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
  const signature = identity.sign(Uint8Array.of(0x72));
  assert.equal(
    toHex(signature),
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  );
  assert.ok(verifySignature(identity.publicKey, Uint8Array.of(0x72), signature));
  assert.ok(!verifySignature(identity.publicKey, Uint8Array.of(0x73), signature));
});

test('the PeerId is the one that libp2p makes of the same key', async () => {
  for (let at = 0; at < 20; at++) {
    const seed = new Uint8Array(32).fill(at * 7 + 1);
    const theirs = peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', seed)).toString();
    const ours = identityOfSeed(seed).peerId;
    assert.equal(ours, theirs);
    assert.equal(parsePeerId(ours), ours);
    assert.deepEqual(publicKeyOf(ours), identityOfSeed(seed).publicKey);
  }
});

test('text of the right shape that holds no key gives no key, and never throws', () => {
  assert.equal(publicKeyOf('12D3KooW' as PeerId), undefined);
  const letters = [...'123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...letters), { minLength: 44, maxLength: 44 }), (tail) => {
      const text = `12D3KooW${tail.join('')}` as PeerId;
      const key = publicKeyOf(text);
      assert.ok(key === undefined || peerIdOf(key) === text);
    }),
    { seed: 4, numRuns: 300 },
  );
});

test('a signature check takes any bytes and throws for none', () => {
  const identity = identityOfSeed(new Uint8Array(32).fill(1));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 80 }), (key, signature) => {
      assert.equal(verifySignature(key, utf8('x'), signature), false);
      assert.equal(verifySignature(identity.publicKey, utf8('x'), signature), false);
    }),
    { seed: 5, numRuns: 200 },
  );
});

test('an identity is made once, mode 0600, and comes back the same', async () => {
  const path = directory();
  assert.equal(await loadIdentity(path), undefined);
  const made = await createIdentity(path);
  assert.equal((await stat(join(path, 'identity.key'))).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(path), ['identity.key']);
  const loaded = await loadIdentity(path);
  assert.equal(loaded?.peerId, made.peerId);
  await assert.rejects(createIdentity(path), { code: 'KEY_FILE_EXISTS' });
  assert.deepEqual(await readdir(path), ['identity.key']);
  assert.equal((await loadIdentity(path))?.peerId, made.peerId);
});

test('of many first starts at one time exactly one makes the identity', async () => {
  const path = directory();
  const results = await Promise.allSettled(Array.from({ length: 16 }, () => createIdentity(path)));
  const made = results.filter((one) => one.status === 'fulfilled');
  assert.equal(made.length, 1);
  assert.equal((await loadIdentity(path))?.peerId, made[0]?.value.peerId);
  assert.deepEqual(await readdir(path), ['identity.key']);
});

test('a file that others can read is refused by name', { skip: process.platform === 'win32' }, async () => {
  const path = directory();
  await createIdentity(path);
  for (const mode of [0o640, 0o604, 0o660]) {
    await chmod(join(path, 'identity.key'), mode);
    await assert.rejects(loadIdentity(path), { code: 'KEY_FILE_EXPOSED', message: /chmod 600/ });
  }
});

test('no damage to the file goes unnoticed, and nothing but its own error comes out', async () => {
  const path = directory();
  const made = await createIdentity(path);
  const file = join(path, 'identity.key');
  const good = await readFile(file);
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] ?? 0) ^ 0x10;
    await writeFile(file, bad);
    await assert.rejects(loadIdentity(path), { code: 'KEY_FILE_INVALID' });
  }
  for (const bytes of [good.subarray(1), Buffer.concat([good, good]), Buffer.alloc(0)]) {
    await writeFile(file, bytes);
    await assert.rejects(loadIdentity(path), { code: 'KEY_FILE_INVALID' });
  }
  await writeFile(file, good);
  assert.equal((await loadIdentity(path))?.peerId, made.peerId);
  const kind = { magic: 'PGID', version: 2, payloadBytes: 32 };
  await assert.rejects(readKeyFile(file, kind), (error) => isPangeaError(error, 'KEY_FILE_INVALID') && /version 1/.test(error.message));
});

test('a disk that takes no file is told as such', { timeout: 10_000 }, async () => {
  const path = directory();
  await writeFile(path, '');
  await assert.rejects(createIdentity(join(path, 'below')), { code: 'STORE_IO' });
});

test('a directory in place of the key file is an error with its path', async () => {
  const path = directory();
  await createIdentity(join(path, 'identity.key'));
  await assert.rejects(loadIdentity(path), (error) => isPangeaError(error) && ['KEY_FILE_INVALID', 'KEY_FILE_EXPOSED'].includes(error.code));
});
