import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cipherNeeds, detectProcessor, kernelNeeds, type Processor } from '../../src/capabilities/capabilities.ts';
import { loadWasm, selfTestCodec, type WasmLoad } from '../../src/codec/codec.ts';
import { loadNative, type Native, type NativeLoad } from '../../src/native/native.ts';
import { choosePaths, loadPaths, type PathOptions, type Paths } from '../../src/node/paths.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';

const load = loadNative();
const wasm = loadWasm();
const noAddon: NativeLoad = { ok: false, reason: 'not built in this test' };
const noWasm: WasmLoad = { ok: false, reason: 'not built in this test' };
const lacks = load.ok ? ('cesCandidates' in load.native ? false : 'the addon was built without its codec') : load.reason;

const pathsWith = (force: readonly string[], options: Partial<PathOptions>): Promise<Paths> => choosePaths(force, { logger: silentLogger, cacheFile: null, ...options });

/** The addon with some of its functions replaced. */
function changed(change: (native: Native) => object): NativeLoad {
  assert.ok(load.ok);
  return { ...load, native: { ...load.native, ...change(load.native) } };
}
/** Without noise: each candidate has the rate that the table gives it, and 1 otherwise. */
const rated = (rates: Readonly<Record<string, number>>): NativeLoad => changed(() => ({
  cesMeasure: async ({ op, kernel, cipher }: { op: string; kernel: string; cipher: string }) => [rates[op === 'seal' ? cipher : kernel] ?? 1],
}));
const choiceOf = ({ choices }: Paths, stage: string): Paths['choices'][number] => choices.find((each) => each.stage === stage) ?? assert.fail(stage);

/** What this machine must pick, from what its system lists: written down here once more, so that the table in src can be wrong. */
function expectedKernel({ architecture, cpu }: Processor, hidden: readonly string[]): string {
  if (architecture === 'arm64') return cpu.neon && !hidden.includes('neon') ? 'neon' : 'scalar';
  const ssse3 = cpu.ssse3 && !hidden.includes('ssse3');
  const avx2 = ssse3 && cpu.avx2 && !hidden.includes('avx2');
  const avx512 = avx2 && cpu.avx512 && !hidden.includes('avx512');
  const gfni = cpu.gfni && !hidden.includes('gfni');
  if (gfni && avx512) return 'gfni-avx512';
  if (gfni && avx2) return 'gfni-avx2';
  return avx512 ? 'avx512' : avx2 ? 'avx2' : ssse3 ? 'ssse3' : 'scalar';
}

describe('the ladder of kernels', { skip: lacks, timeout: 60_000 }, () => {
  const walks = [[], ['gfni'], ['avx512'], ['gfni', 'avx512'], ['avx2'], ['gfni', 'avx2'], ['ssse3'], ['neon']];
  for (const hidden of walks) {
    test(hidden.length === 0 ? 'with all that this machine has' : `without ${hidden.join(' and ')}`, async () => {
      const processor = await detectProcessor(noAddon);
      const paths = await pathsWith(hidden.map((feature) => `no-${feature}`), { native: rated({}), wasm: noWasm });
      const expected = expectedKernel(processor, hidden);
      assert.equal(paths.codec.name, 'native');
      assert.equal(paths.codec.kernels.reedSolomon, expected);
      assert.equal(choiceOf(paths, 'reed-solomon').path, expected);
      assert.equal(await selfTestCodec(paths.codec), null);
      const hiddenOnes = choiceOf(paths, 'reed-solomon').candidates.filter(({ reason }) => reason.startsWith('hidden by --force no-'));
      assert.ok(hiddenOnes.every(({ usable }) => !usable));
      if (processor.cpu.avx2 && hidden.includes('avx2')) assert.ok(hiddenOnes.some(({ path }) => path === 'avx2'));
    });
  }

  test('force knows every name that the addon gives', () => {
    assert.ok(load.ok);
    const { kernels, ciphers } = load.native.cesCandidates();
    assert.deepEqual(kernels, Object.keys(kernelNeeds).filter((name) => kernels.includes(name)), 'in the same order of expectation');
    assert.deepEqual(ciphers.filter((name) => !(name in cipherNeeds)), []);
  });

  test('any kernel of the machine can be forced, and runs', async () => {
    assert.ok(load.ok);
    for (const kernel of load.native.cesCandidates().kernels) {
      const { codec } = await pathsWith([`reed-solomon=${kernel}`], { calibrate: 'never' });
      assert.equal(codec.kernels.reedSolomon, kernel);
      assert.equal(await selfTestCodec(codec), null, kernel);
    }
    for (const cipher of load.native.cesCandidates().ciphers) {
      const { codec } = await pathsWith([`seal=${cipher}`], { calibrate: 'never' });
      assert.equal(codec.kernels.seal, cipher);
    }
  });

  test('the fastest is picked, not the first', async () => {
    const paths = await pathsWith([], { native: rated({ scalar: 100, rustcrypto: 50 }), wasm: noWasm });
    assert.equal(paths.codec.kernels.reedSolomon, 'scalar');
    assert.equal(paths.codec.kernels.seal, 'rustcrypto');
    assert.equal(choiceOf(paths, 'seal').why, 'fastest measured');
    assert.equal(paths.calibration.source, 'fresh');
  });

  test('the real addon is measured within the budget, all candidates or those that there was time for', async () => {
    const paths = await pathsWith([], {});
    assert.ok(choiceOf(paths, 'reed-solomon').candidates.some(({ bytesPerSecond = 0 }) => bytesPerSecond > 1e7));
    assert.ok(choiceOf(paths, 'codec').candidates.every(({ path, reason, usable }) => usable || (path === 'wasm' && !wasm.ok && reason === wasm.reason)));
  });
});

describe('quarantine', { skip: lacks, timeout: 60_000 }, () => {
  const failing = (...bad: string[]): NativeLoad => changed((native) => ({
    cesSelfTest: (stage: 'seal', path: string) => (bad.includes(`${stage}/${path}`) ? 'row 3 differs at byte 17' : native.cesSelfTest(stage, path)),
  }));

  test('a kernel that fails is named in log and plan, and the next one is used', async () => {
    assert.ok(load.ok);
    const { kernels, ciphers } = load.native.cesCandidates();
    const [bad = '', badCipher = ''] = [kernels[0], ciphers[0]];
    const warnings: Record<string, unknown>[] = [];
    const logger = { ...silentLogger, warn: (fields: Record<string, unknown>) => void warnings.push(fields) };
    const paths = await pathsWith([], { native: failing(`reed-solomon/${bad}`, `seal/${badCipher}`), calibrate: 'never', logger });
    assert.equal(paths.codec.kernels.reedSolomon, kernels[1]);
    assert.equal(paths.codec.kernels.seal, ciphers[1]);
    const { path, usable, quarantined, reason } = choiceOf(paths, 'reed-solomon').candidates[0] ?? assert.fail();
    assert.deepEqual([path, usable, quarantined, reason], [bad, false, true, 'self-test: row 3 differs at byte 17']);
    assert.deepEqual(warnings.map(({ stage, quarantined: out, instead }) => [stage, out, instead]), [
      ['seal', badCipher, ciphers[1]], ['reed-solomon', bad, kernels[1]],
    ]);
    await assert.rejects(pathsWith([`reed-solomon=${bad}`], { native: failing(`reed-solomon/${bad}`), calibrate: 'never' }), {
      code: 'BACKEND_UNAVAILABLE', message: `reed-solomon=${bad} is forced, but self-test: row 3 differs at byte 17`,
    });
  });

  test('a self-test that throws is one that fails', async () => {
    assert.ok(load.ok);
    const [bad] = load.native.cesCandidates().kernels;
    const native = changed((right) => ({
      cesSelfTest: (stage: 'seal', path: string) => { if (path === bad) throw new Error('illegal instruction'); return right.cesSelfTest(stage, path); },
    }));
    const paths = await pathsWith([], { native, calibrate: 'never' });
    assert.equal(choiceOf(paths, 'reed-solomon').candidates[0]?.reason, 'self-test: illegal instruction');
  });

  test('a stage without a healthy path takes the addon\'s codec out, and the next codec is used', async () => {
    assert.ok(load.ok);
    const { hash } = load.native.cesCandidates();
    const paths = await pathsWith([], { native: failing(`hash/${hash}`), calibrate: 'never' });
    assert.equal(paths.codec.name, wasm.ok ? 'wasm' : 'portable');
    assert.match(choiceOf(paths, 'codec').candidates[0]?.reason ?? '', /no path of hash can be taken: .*row 3 differs/);
    await assert.rejects(pathsWith(['codec=native'], { native: failing(`hash/${hash}`), calibrate: 'never' }), { code: 'BACKEND_UNAVAILABLE', message: /codec=native is forced, but no path of hash/ });
  });

  test('a codec whose stages are right but which is wrong as a whole is quarantined', async () => {
    const native = changed(({ Ces }) => ({
      Ces: class extends Ces {
        override deriveKey(context: string, material: Uint8Array): Buffer {
          const key = super.deriveKey(context, material);
          key[0] = (key[0] as number) ^ 1;
          return key;
        }
      },
    }));
    const paths = await pathsWith([], { native, calibrate: 'never' });
    assert.equal(paths.codec.name, wasm.ok ? 'wasm' : 'portable');
    const { path, quarantined, reason } = choiceOf(paths, 'codec').candidates[0] ?? assert.fail();
    assert.deepEqual([path, quarantined, reason], ['native', true, 'self-test: the key derived from known bytes differs']);
  });
});

describe('without the addon', { timeout: 60_000 }, () => {
  test('the WebAssembly codec runs, and passes the golden check', { skip: wasm.ok ? false : wasm.reason }, async () => {
    const paths = await pathsWith(['no-native'], {});
    assert.equal(paths.native.ok, false);
    assert.equal(paths.codec.name, 'wasm');
    assert.equal(paths.codec.kernels.reedSolomon, 'simd128');
    assert.equal(await selfTestCodec(paths.codec), null);
    assert.match(choiceOf(paths, 'codec').candidates[2]?.reason ?? '', /last resort/);
    assert.equal((await pathsWith([], { native: noAddon })).codec.name, 'wasm');
    assert.equal((await pathsWith(['reed-solomon=simd128'], { calibrate: 'never' })).codec.name, 'wasm');
  });

  test('without WebAssembly, too, the portable one runs, and passes the golden check', async () => {
    const paths = await pathsWith(['no-native', 'no-simd128'], {});
    assert.equal(paths.codec.name, 'portable');
    assert.equal(await selfTestCodec(paths.codec), null);
    assert.deepEqual(choiceOf(paths, 'codec').candidates.map(({ reason }) => reason), ['hidden by --force no-native', 'hidden by --force no-simd128', 'taken']);
  });

  test('what is forced and not there is refused with what is missing', async () => {
    const refused = (force: string[], message: RegExp | string, options: Partial<PathOptions> = {}): Promise<void> =>
      assert.rejects(pathsWith(force, { native: noAddon, wasm: noWasm, calibrate: 'never', ...options }), { code: 'BACKEND_UNAVAILABLE', message });
    await refused(['codec=native'], 'codec=native is forced, but not built in this test');
    await refused(['reed-solomon=avx2'], 'reed-solomon=avx2 is forced, but not built in this test');
    await refused(['seal=dryoc'], 'seal=dryoc is forced, but not built in this test');
    await refused(['codec=wasm'], 'codec=wasm is forced, but not built in this test');
    if (lacks === false && process.arch === 'x64') await refused(['reed-solomon=neon'], 'reed-solomon=neon is forced, but this processor has no NEON', { native: load });
    await assert.rejects(pathsWith(['reed-solomon=mmx'], {}), { code: 'USAGE' });
  });

  test('hiding the addon hides it from all stages', () => {
    assert.deepEqual(loadPaths(['no-native'], load).native, { ok: false, reason: 'hidden by --force no-native' });
    assert.equal(loadPaths([], load).native, load);
  });
});

test('the event loop is free between two tests and rounds: no stretch computes for long', { timeout: 60_000, skip: lacks }, async () => {
  // Processor time, not the clock's: another process may stop this one at any moment, and is not counted.
  // The promise is 5 ms; a system that counts in ticks of 4 ms and a garbage collection may add to it.
  await pathsWith([], {});
  let longestMs = 0;
  let last = process.threadCpuUsage();
  let watching = true;
  const watch = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    longestMs = Math.max(longestMs, (user + system) / 1000);
    last = process.threadCpuUsage();
    if (watching) setImmediate(watch);
  };
  watch();
  await pathsWith([], {});
  watching = false;
  assert.ok(longestMs < 25, `one stretch computed for ${longestMs} ms`);
});
