import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { isPangeaError } from '../../../src/errors/errors.ts';
import { isValue } from '../../../src/graph/data/value.ts';
import { openS3Store, parseS3Url } from '../../../src/graph/storage/s3.ts';
import type { S3Surroundings } from '../../../src/graph/storage/s3-client.ts';
import { readObject } from '../../../src/graph/storage/s3-node.ts';
import type { GraphStore } from '../../../src/graph/storage/storage.ts';
import { seededRandom, systemClock } from '../../../src/std/std.ts';
import { collect, delta, graphStoreConformance, plain } from '../../conformance/graph-store.ts';
import { findMoto, startS3 } from './moto.ts';

const moto = await findMoto();
const keys = { accessKeyId: 'test', secretAccessKey: 'test' };

test('s3: urls of buckets', () => {
  assert.deepEqual(parseS3Url('s3://my-bucket/some/where/?endpoint=http://127.0.0.1:9000&region=eu-central-1'), { bucket: 'my-bucket', prefix: 'some/where', endpoint: 'http://127.0.0.1:9000', region: 'eu-central-1' });
  assert.deepEqual(parseS3Url('s3://bucket'), { bucket: 'bucket', prefix: '', endpoint: 'https://s3.us-east-1.amazonaws.com', region: 'us-east-1' });
  for (const wrong of ['', 'bucket', 'http://bucket', 's3://', 's3://Bu_cket', 's3://bucket?endpoint=ftp://x', 's3://bucket?endpoint=nothing', 's3://bucket?region=a%2Fb', 's3://bucket/a%20b']) {
    assert.throws(() => parseS3Url(wrong), { code: 'CONFIG_INVALID' }, wrong);
  }
});

test('s3: whatever lies in the bucket, it is a node or STORE_CORRUPT', () => {
  const soul = fc.constantFrom('a', 'b');
  const pairs = fc.array(fc.tuple(fc.oneof(fc.string({ maxLength: 3 }), fc.constant('__proto__')), fc.jsonValue(), fc.oneof(fc.double(), fc.jsonValue())), { maxLength: 3 });
  const texts = fc.oneof(fc.string(), fc.json(), fc.record({ soul, fields: pairs }).map((node) => JSON.stringify(node)));
  fc.assert(fc.property(texts, (text) => {
    try {
      const node = readObject(text, 'a');
      assert.equal(node.soul, 'a');
      for (const { value, state } of node.fields()) assert.ok(isValue(value) && Number.isFinite(state));
    } catch (error) {
      assert.ok(isPangeaError(error, 'STORE_CORRUPT'), String(error));
    }
  }), { numRuns: 2_000, seed: 8 });
});

if (typeof moto === 'string') {
  test('s3: stores against a real server', { skip: moto }, () => {});
} else {
  const server = await startS3(moto.python);
  after(async () => {
    await server.stop();
    await moto.dispose();
  });
  await server.makeBucket('graph');
  let places = 0;
  const surroundings = { clock: systemClock, random: seededRandom(1) };
  const open = (prefix: string, more: Partial<S3Surroundings> = {}): Promise<GraphStore> =>
    openS3Store(parseS3Url(`s3://graph/${prefix}?endpoint=${server.endpoint}`), keys, { ...surroundings, ...more });

  graphStoreConformance('s3', async () => {
    const prefix = `place/${places++}`;
    let store = await open(prefix);
    return {
      store,
      reopen: async () => {
        await store.close();
        store = await open(prefix);
        return store;
      },
      dispose: () => store.close(),
    };
  }, { runs: 3 });

  test('s3: two nodes on one bucket lose none of each other\'s writes', { timeout: 120_000 }, async () => {
    const stores = await Promise.all([open('shared'), open('shared')]);
    for (let round = 0; round < 10; round++) {
      await Promise.all(stores.map((store, at) => store.write([delta('both', { [`from${at}`]: round, last: `${at}` }, round), delta(`own/${at}/${round}`, { k: at })])));
    }
    for (const store of stores) {
      const [node] = await store.read(['both']);
      assert.deepEqual(plain(node), { from0: [9, 9], from1: [9, 9], last: ['1', 9] });
      assert.equal((await collect(store.souls())).length, 21);
      await store.close();
    }
  });

  test('s3: long souls are told apart and listed in order, over more than a page', { timeout: 120_000 }, async () => {
    const store = await open('long');
    const souls = [...['c', 'a', 'b', ''].map((end) => `${'l'.repeat(400)}${end}`), 'k', 'm', ...Array.from({ length: 1_100 }, (_, at) => `m/${String(at).padStart(4, '0')}`)];
    await store.write(souls.map((soul) => delta(soul, { k: soul.length })));
    assert.deepEqual(await collect(store.souls()), [...souls].sort());
    assert.deepEqual(await collect(store.souls({ '*': 'l', '-': 1 })), souls.slice(0, 4).sort().reverse());
    assert.equal((await store.read([souls[1] as string]))[0]?.value('k'), 401);
    await store.close();
  });

  test('s3: errors have codes, and passing ones are outlived', { timeout: 120_000 }, async () => {
    await assert.rejects(openS3Store(parseS3Url(`s3://nowhere?endpoint=${server.endpoint}`), keys, surroundings), { code: 'STORE_MISSING' });
    const quick = { ...systemClock, sleep: async () => {} };
    await assert.rejects(openS3Store(parseS3Url('s3://graph?endpoint=http://127.0.0.1:1'), keys, { ...surroundings, clock: quick }), { code: 'STORE_IO' });
    let broken = 0;
    const answer = { status: 503, text: '<Code>SlowDown</Code>' };
    const flaky = async (request: Request): Promise<Response> => (broken-- > 0 ? new Response(answer.text, { status: answer.status }) : fetch(request));
    const store = await open('errors', { fetch: flaky, clock: quick });
    broken = 3;
    await store.write([delta('a', { k: 1 })]);
    broken = 1_000;
    await assert.rejects(store.write([delta('a', { k: 2 }, 2)]), { code: 'STORE_IO', message: /503 SlowDown/ });
    Object.assign(answer, { status: 403, text: '<Code>InvalidAccessKeyId</Code>' });
    await assert.rejects(store.read(['a']), { code: 'DENIED' });
    broken = 0;
    assert.deepEqual(plain((await store.read(['a']))[0]), { k: [1, 1] });
    await store.close();
  });

  test('s3: an answer that is lost leads to no second effect', { timeout: 120_000 }, async () => {
    let losing = false;
    const forgetful = async (request: Request): Promise<Response> => {
      const response = await fetch(request);
      if (!losing || request.method !== 'PUT') return response;
      losing = false;
      await response.arrayBuffer();
      throw new TypeError('fetch failed');
    };
    const store = await open('lost', { fetch: forgetful, clock: { ...systemClock, sleep: async () => {} } });
    await store.write([delta('a', { k: 1 })]);
    losing = true;
    await store.write([delta('a', { k: 2 }, 2)]);
    losing = true;
    await store.write([delta('new', { k: 3 })]);
    assert.deepEqual((await store.read(['a', 'new'])).map(plain), [{ k: [2, 2] }, { k: [3, 1] }]);
    await store.close();
  });

  test('s3: a service without conditional writes is refused, and so is another\'s prefix', { timeout: 120_000 }, async () => {
    const ignoring = async (request: Request): Promise<Response> => {
      const headers = new Headers(request.headers);
      headers.delete('if-none-match');
      headers.delete('if-match');
      return fetch(new Request(request, { headers }));
    };
    await assert.rejects(open('ignoring', { fetch: ignoring }), { code: 'BACKEND_UNAVAILABLE' });
    await fetch(`${server.endpoint}/graph/theirs/format`, { method: 'PUT', body: 'something else' });
    await assert.rejects(open('theirs'), { code: 'STORE_FOREIGN' });
    await fetch(`${server.endpoint}/graph/ours/n/61`, { method: 'PUT', body: '{"soul":"a","fields":[["k",{"x":1},1]]}' });
    const store = await open('ours');
    await assert.rejects(store.read(['a']), { code: 'STORE_CORRUPT' });
    await store.close();
  });
}
