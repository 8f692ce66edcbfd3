/** Every vector that gun.js 0.2020.1241 made, and the other way: ours are read again by what read theirs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createSea, createGuard, decrypt, encrypt, type Pair, plainValue, readCertificate, readPacked, seaText, secret, sign, unverified, verify, work, certify, fieldText } from '../../../src/graph/sea/sea.ts';
import { permission } from '../../../src/graph/sea/certificate.ts';
import { isPangeaError } from '../../../src/errors/errors.ts';
import type { Value } from '../../../src/graph/data/types.ts';

interface Vector extends Record<string, unknown> {
  readonly id: string;
  readonly op: string;
}
type Node = { readonly _: { readonly '#': string; readonly '>': Record<string, number> } } & Record<string, Value>;

const file = JSON.parse(readFileSync(new URL('../../vectors/gun/sea_vectors.json', import.meta.url), 'utf8')) as {
  readonly keys: { readonly alice: Pair; readonly bob: Pair; readonly eve: Pair };
  readonly userKeys: Pair;
  readonly user: { readonly graph: Record<string, Node>; readonly outPuts: readonly Record<string, Node>[] };
  readonly vectors: readonly Vector[];
};
const { alice, bob, eve } = file.keys;
const byOp = (op: string): readonly Vector[] => file.vectors.filter((vector) => vector.op === op);
const guard = createGuard({ clock: { nowMs: () => 1_795_230_000_000 } });
const deltaOf = (node: Node) => ({ soul: node._['#'], fields: Object.entries(node._['>']).map(([key, state]) => ({ key, value: node[key] as Value, state })) });

test('the file holds the 33 vectors', () => {
  assert.equal(file.vectors.length, 33);
  assert.deepEqual([...new Set(file.vectors.map(({ op }) => op))].sort(), ['certify', 'encrypt', 'hash', 'secret', 'sign', 'usergraph', 'verify', 'work']);
});

for (const vector of byOp('sign')) {
  test(`sign: ${vector.id}`, async () => {
    const expected = vector.verifyReturns ?? vector.verifyReturnsNativeJSON;
    assert.deepEqual(await verify(vector.signed, alice), expected === undefined ? null : expected);
    assert.equal(await verify(vector.signed, bob), undefined);
    const ours = await sign(vector.message, alice);
    const text = seaText(ours);
    assert.deepEqual(await verify(text, alice.pub), await verify(vector.signed, alice.pub));
    assert.equal(await verify(text, bob.pub), undefined);
    if (vector.id !== 'sign-object-native-order' && typeof vector.signed === 'string') assert.equal(text.split(',"s":')[0], vector.signed.split(',"s":')[0]);
  });
}

test('verify: no check with false', async () => {
  const vector = byOp('verify')[0] as Vector;
  assert.equal(unverified(vector.signed), vector.verifyReturns);
  assert.equal(await createSea().verify(vector.signed, false), vector.verifyReturns);
});

for (const vector of byOp('encrypt')) {
  test(`encrypt: ${vector.id}`, async () => {
    const key = String(vector.key).startsWith('pair alice') ? alice : String(vector.key);
    assert.deepEqual(await decrypt(vector.cipher, key), vector.decryptReturns);
    await assert.rejects(decrypt(vector.cipher, 'another key'), (error) => isPangeaError(error, 'WRONG_KEY'));
    const sealed = await encrypt(vector.plain, key);
    assert.deepEqual([atob(sealed.s).length, atob(sealed.iv).length, atob(sealed.ct).length], [vector.saltBytes, vector.ivBytes, vector.ctBytes]);
    assert.deepEqual(await decrypt(`SEA${JSON.stringify(sealed)}`, key), vector.decryptReturns);
  });
}

test('secret: both sides have the same, and it decrypts', async () => {
  const [plain, cipher] = byOp('secret') as [Vector, Vector];
  assert.equal(await secret(bob.epub, alice), plain.secretAB);
  assert.equal(await secret(alice, bob), plain.secretBA);
  assert.equal(await decrypt(cipher.cipher, await secret(alice.epub, bob)), cipher.decryptedByBob);
});

for (const vector of byOp('work')) {
  test(`work: ${vector.id}`, async () => {
    const salt = typeof vector.salt === 'string' && vector.salt.startsWith('alice') ? alice : (vector.salt as string);
    assert.equal(await createSea().work(vector.data, salt, undefined, (vector.opt ?? {}) as object), vector.result);
  });
}

test('work: numbers out of bounds and unknown digests are refused', async () => {
  for (const options of [{ iterations: 0 }, { iterations: 1e9 }, { length: 7 }, { length: 1e6 }, { name: 'SHA-999' }]) {
    await assert.rejects(work('x', 'y', options), (error) => isPangeaError(error, 'USAGE'));
  }
});

test('certify: theirs are read, ours are the same text', async () => {
  for (const vector of byOp('certify').filter(({ certificate }) => certificate !== undefined)) {
    assert.deepEqual(await verify(vector.certificate, alice), vector.verified);
  }
  const [inbox, anyone] = byOp('certify') as [Vector, Vector];
  const ours = seaText(await certify([bob.pub], [{ '*': 'inbox', '+': '*' }], alice, { expiry: (inbox.verified as { e: number }).e }));
  assert.equal(ours.split(',"s":')[0], String(inbox.certificate).split(',"s":')[0]);
  assert.equal(seaText(await certify('*', 'profile', alice)).split(',"s":')[0], String(anyone.certificate).split(',"s":')[0]);
});

test('certify: refusals have the reasons of gun.js, and one where it never answers', () => {
  const [inbox] = byOp('certify') as [Vector];
  const certificate = readCertificate(inbox.certificate);
  assert.ok(certificate);
  const request = { writer: bob.pub, value: 'x', state: 1_795_224_117_000 };
  const said = (id: string) => (byOp('certify').find((vector) => vector.id === id) as { readonly ack?: { readonly err: string } } | undefined)?.ack?.err;
  const soul = `~${alice.pub}/`;
  assert.equal(permission(certificate, { ...request, soul: `${soul}inbox`, key: 'not-containing-pub' }).err, said('cert-write-denied-missing-plus'));
  assert.equal(permission(certificate, { ...request, soul: `${soul}private/${bob.pub}`, key: 'x' }).err, said('cert-write-denied-path'));
  assert.equal(permission(certificate, { ...request, writer: eve.pub, soul: `${soul}inbox`, key: eve.pub }).err, 'Certificate verification fail.');
  assert.equal(permission(certificate, { ...request, soul: `${soul}inbox`, key: bob.pub }).err, undefined);
});

test('usergraph: the account opens with its password', async () => {
  const vector = byOp('usergraph')[0] as Vector & { readonly auth: { readonly ek: unknown; readonly s: string }; readonly password: string };
  const proof = await work(vector.password, vector.auth.s);
  assert.equal(proof, vector.proof);
  assert.deepEqual(await decrypt(vector.auth.ek, proof), vector.decrypts);
});

test('usergraph: every node that gun.js put passes the guard, and reads as it was written', async () => {
  const nodes = [...Object.values(file.user.graph), ...file.user.outPuts.flatMap((put) => Object.values(put))];
  for (const node of nodes) assert.deepEqual(await guard(deltaOf(node)), { ok: true }, node._['#']);
  const profile = file.user.graph[`~${file.userKeys.pub}/profile`] as Node;
  assert.equal(plainValue(profile._['#'], 'name', profile.name as Value), 'Alice');
  assert.equal(fieldText('s', 'k', 1, 2.5), '{"#":"s",".":"k",":":1,">":2.5}');
  assert.equal(readPacked(profile.name)?.writer, undefined);
});

test('content address: the key is the hash', async () => {
  const vector = byOp('hash')[0] as Vector & { readonly data: string; readonly hash: string };
  const put = (soul: string, key: string, value: Value) => guard({ soul, fields: [{ key, value, state: 1 }] });
  assert.deepEqual(put('#', vector.hash, vector.data), { ok: true });
  assert.deepEqual(put('posts#', `2024-01-01#${vector.hash}`, vector.data), { ok: true });
  assert.deepEqual(put('posts#', Buffer.from(vector.hash, 'base64').toString('hex'), vector.data), { ok: true });
  assert.deepEqual(put('#', vector.hash, `${vector.data} `), { ok: false, err: (vector.putTampered as { readonly err: string }).err, violation: 'content-hash' });
});
