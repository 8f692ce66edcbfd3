import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { choose, hiddenNeed, kernelNeeds, lackingNeed, type Contender, type Feature } from '../../src/capabilities/capabilities.ts';
import { noise } from '../../src/capabilities/choose.ts';

const of = (path: string, bytesPerSecond?: number, obstacle?: string): Contender =>
  ({ path, ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }), ...(obstacle === undefined ? {} : { obstacle }) });

test('the fastest is taken, and within noise the one that was expected to be', () => {
  assert.equal(choose('reed-solomon', [of('a', 10), of('b', 12), of('c', 11)]).path, 'b');
  const close = choose('reed-solomon', [of('a', 96), of('b', 100)]);
  assert.equal(close.path, 'a');
  assert.equal(close.why, 'as fast as b within 5 %, and expected to be faster');
  assert.equal(choose('reed-solomon', [of('a', 94.9), of('b', 100)]).path, 'b');
  assert.equal(choose('reed-solomon', [of('a', 100), of('b', 96)]).candidates[1]?.reason, 'as fast, expected to be slower');
});

test('a codec as a whole is displaced only by one twice as fast', () => {
  assert.equal(choose('codec', [of('native', 70), of('wasm', 100)]).path, 'native');
  assert.equal(choose('codec', [of('native', 49), of('wasm', 100)]).path, 'wasm');
});

test('what cannot be taken is never picked, however fast, and its reason is kept', () => {
  const choice = choose('seal', [{ ...of('a', 100, 'self-test: tag differs'), quarantined: true }, of('b', 5, 'hidden'), of('c', 2)]);
  assert.equal(choice.path, 'c');
  assert.equal(choice.why, 'the only one that can be taken');
  assert.deepEqual(choice.candidates.slice(0, 2), [
    { path: 'a', usable: false, reason: 'self-test: tag differs', quarantined: true, bytesPerSecond: 100 },
    { path: 'b', usable: false, reason: 'hidden', bytesPerSecond: 5 },
  ]);
  assert.equal(choose('seal', [of('a', 1, 'no')]).path, undefined);
  assert.equal(choose('seal', []).why, 'nothing can be taken');
});

test('without rates the order of expectation decides; a single rate beats none', () => {
  const unmeasured = choose('codec', [of('native'), of('portable')]);
  assert.equal(unmeasured.path, 'native');
  assert.match(unmeasured.why, /not measured/);
  assert.equal(choose('codec', [of('native'), of('portable', 3)]).path, 'portable');
});

test('a last resort is taken only where nothing else can be, or on demand', () => {
  const slow = of('wasm', 2);
  const last: Contender = { path: 'portable', bytesPerSecond: 9, lastResort: 'it works on the event loop' };
  const choice = choose('codec', [of('native', undefined, 'not built'), slow, last]);
  assert.equal(choice.path, 'wasm');
  assert.equal(choice.why, 'the only one but for the last resort');
  assert.equal(choice.candidates[2]?.reason, 'last resort: it works on the event loop');
  assert.equal(choose('codec', [of('wasm', 2, 'hidden'), last]).path, 'portable');
  assert.equal(choose('codec', [slow, last], 'portable').path, 'portable');
});

test('a wish is met or refused with the reason', () => {
  const contenders = [of('a', 100), of('b', 50), of('c', 70, 'this processor has no GFNI')];
  const met = choose('reed-solomon', contenders, 'b');
  assert.equal(met.path, 'b');
  assert.equal(met.candidates[0]?.reason, 'works, but --force reed-solomon=b');
  assert.throws(() => choose('reed-solomon', contenders, 'c'), { code: 'BACKEND_UNAVAILABLE', message: 'reed-solomon=c is forced, but this processor has no GFNI' });
  assert.throws(() => choose('reed-solomon', contenders, 'd'), { code: 'BACKEND_UNAVAILABLE', message: 'reed-solomon=d is forced, but this build has none' });
});

test('property: the pick is usable, no usable one is faster beyond noise, and none before it is within it', () => {
  const contender = fc.tuple(fc.option(fc.double({ min: 1, max: 1e11, noNaN: true })), fc.boolean());
  fc.assert(fc.property(fc.array(contender, { maxLength: 8 }), (drawn) => {
    const contenders = drawn.map(([rate, obstructed], at) => of(`p${at}`, rate ?? undefined, obstructed ? 'no' : undefined));
    const usable = contenders.filter(({ obstacle }) => obstacle === undefined);
    const { path, candidates } = choose('reed-solomon', contenders);
    assert.deepEqual(candidates.map((each) => each.path), contenders.map((each) => each.path));
    assert.equal(path === undefined, usable.length === 0);
    if (path === undefined) return;
    const rate = usable.find((each) => each.path === path)?.bytesPerSecond ?? 0;
    const fastest = Math.max(...usable.map(({ bytesPerSecond = 0 }) => bytesPerSecond));
    assert.ok(rate >= fastest * (1 - noise));
    for (const before of usable.slice(0, usable.findIndex((each) => each.path === path))) assert.ok((before.bytesPerSecond ?? 0) < fastest * (1 - noise));
  }), { seed: 4, numRuns: 500 });
});

test('hiding a feature hides what no processor has without it', () => {
  const left = (hidden: Feature[]): string[] => Object.keys(kernelNeeds).filter((path) => hiddenNeed('reed-solomon', path, hidden) === undefined && path !== 'neon');
  assert.deepEqual(left([]), ['gfni-avx512', 'gfni-avx2', 'avx512', 'avx2', 'ssse3', 'simd128', 'scalar']);
  assert.deepEqual(left(['gfni']), ['avx512', 'avx2', 'ssse3', 'simd128', 'scalar']);
  assert.deepEqual(left(['avx512']), ['gfni-avx2', 'avx2', 'ssse3', 'simd128', 'scalar']);
  assert.deepEqual(left(['avx2']), ['ssse3', 'simd128', 'scalar']);
  assert.deepEqual(left(['ssse3']), ['simd128', 'scalar']);
  assert.deepEqual(left(['native']), ['simd128']);
  assert.deepEqual(left(['native', 'simd128']), []);
  assert.equal(hiddenNeed('seal', 'avx512', ['ssse3']), 'ssse3');
  assert.equal(hiddenNeed('codec', 'wasm', ['simd128']), 'simd128');
  assert.equal(hiddenNeed('codec', 'portable', ['native', 'simd128']), undefined);
  assert.equal(hiddenNeed('transport', 'quic', ['native']), 'native');
});

test('what a processor lacks for a path', () => {
  const cpu = { ssse3: true, avx2: true, avx512: false, gfni: true, neon: false };
  assert.equal(lackingNeed('reed-solomon', 'gfni-avx512', cpu), 'avx512');
  assert.equal(lackingNeed('reed-solomon', 'gfni-avx2', cpu), undefined);
  assert.equal(lackingNeed('reed-solomon', 'neon', cpu), 'neon');
  assert.equal(lackingNeed('seal', 'dryoc', cpu), undefined);
});
