import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { kernelNeeds, parseCalibrations, type Capabilities } from '../../src/capabilities/capabilities.ts';
import type { Plan } from '../../src/api/api.ts';
import { loadWasm } from '../../src/codec/codec.ts';
import { loadNative } from '../../src/native/native.ts';
import { run } from './run.ts';

const load = loadNative();
const lacks = load.ok ? ('cesCandidates' in load.native ? false : 'the addon was built without its codec') : load.reason;

describe('pangea-node plan', { timeout: 120_000 }, () => {
  let directory = '';
  let file = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pangea-plan-'));
    file = join(directory, 'pangea-node', 'calibration.json');
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const environment = (force = ''): NodeJS.ProcessEnv => ({ XDG_CACHE_HOME: directory, ...(force === '' ? {} : { PANGEA_FORCE: force }) });
  const planned = async (flags: readonly string[] = [], force = ''): Promise<Plan> => {
    const { code, stdout, stderr } = await run(['plan', '--json', '--data-dir', join(directory, 'node'), ...flags], { env: environment(force) });
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Plan;
  };
  const chosen = ({ stages }: Plan, stage: string): Plan['stages'][number] => stages.find((each) => each.stage === stage) ?? assert.fail(stage);

  test('a first plan measures, a second one remembers, and --calibrate measures again', async () => {
    const first = await planned();
    assert.equal(first.calibration.source, 'fresh');
    assert.ok(first.calibration.tookMs > 0);
    for (const part of [first.capabilities.cpuModel, `${first.capabilities.cores} cores`, `node ${process.versions.node}`]) assert.ok(first.calibration.machine.includes(part), part);
    const codec = chosen(first, 'codec');
    assert.deepEqual(codec.candidates.map(({ path }) => path), ['native', 'wasm', 'portable']);
    assert.ok((codec.bytesPerSecond ?? 0) > 1e6);
    if (first.calibration.detail !== file) return; // too slow a machine for all candidates: nothing is kept
    const second = await planned();
    assert.deepEqual([second.calibration.source, second.calibration.tookMs], ['cached', first.calibration.tookMs]);
    assert.deepEqual(second.stages, first.stages);
    assert.equal((await planned(['--calibrate'])).calibration.source, 'fresh');
  });

  /** The first rung of the ladder that the flags of this processor leave, when all rates are equal. */
  const firstRung = (cpu: Capabilities['cpu'], without: readonly string[]): string => Object.keys(kernelNeeds).find((path) =>
    path !== 'simd128' && (kernelNeeds[path] ?? []).every((need) => need === 'native' || (cpu[need as keyof typeof cpu] && !without.includes(need)))) ?? assert.fail();

  test('rungs of the ladder, each in a process of its own', { skip: lacks }, async () => {
    const { capabilities: { cpu }, calibration: { machine: key } } = await planned();
    const kept = parseCalibrations(await readFile(file, 'utf8').catch(() => ''));
    const rates = Object.fromEntries(['compress/zstd', ...(load.ok ? [
      ...load.native.cesCandidates().kernels.map((name) => `reed-solomon/${name}`), ...load.native.cesCandidates().ciphers.map((name) => `seal/${name}`),
      `hash/${load.native.cesCandidates().hash}`,
    ] : []), 'codec/native', 'codec/wasm', 'codec/portable'].map((name) => [name, 1e9]));
    await mkdir(join(directory, 'pangea-node'), { recursive: true });
    // Equal rates of this very machine: what the processor has decides then, and no noise.
    await writeFile(file, JSON.stringify({ version: 1, entries: [{ key, madeMs: Date.now() - 90_000, tookMs: 111, rates }, ...kept.filter((each) => each.key !== key)] }));
    const rungs = [
      { force: '', without: [] }, { force: 'no-gfni', without: ['gfni'] }, { force: 'no-avx512', without: ['avx512'] },
      { force: 'no-avx2,no-neon', without: ['avx2', 'avx512', 'neon'] }, { force: 'no-ssse3', without: ['ssse3', 'avx2', 'avx512'] },
    ];
    for (const { force, without } of rungs) {
      const found = await planned([], force);
      const expected = firstRung(cpu, without);
      // Codecs on other kernels than usual are measured anew; the stages' own rates are the kept ones.
      if (force === '') assert.deepEqual([found.calibration.source, found.calibration.tookMs], ['cached', 111]);
      assert.ok(chosen(found, 'reed-solomon').candidates.every(({ usable, bytesPerSecond }) => !usable || bytesPerSecond === 1e9), force);
      assert.equal(chosen(found, 'codec').chosen, 'native');
      assert.equal(chosen(found, 'reed-solomon').chosen, expected, force);
      if (force === '') assert.ok(found.calibration.ageMs >= 90_000);
    }
    assert.equal(chosen(await planned(['--force', 'reed-solomon=scalar']), 'reed-solomon').why, '--force reed-solomon=scalar');
  });

  test('with the addon hidden WebAssembly runs, and with both hidden the portable codec', async () => {
    const wasm = loadWasm();
    if (wasm.ok) {
      const found = await planned(['--force', 'no-native']);
      assert.deepEqual([chosen(found, 'codec').chosen, chosen(found, 'reed-solomon').chosen], ['wasm', 'simd128']);
      assert.equal(chosen(found, 'store').chosen, 'node-fs');
    }
    const last = await planned(['--force', 'no-native', '--force', 'no-simd128']);
    assert.deepEqual([chosen(last, 'codec').chosen, chosen(last, 'transport').chosen, chosen(last, 'host').chosen], ['portable', 'libp2p', 'js']);
  });

  test('what cannot be had is one line with its reason and an exit code', async () => {
    const refused = async (force: string, code: number, message: RegExp): Promise<void> => {
      const finished = await run(['plan', '--data-dir', join(directory, 'node')], { env: environment(force) });
      assert.equal(finished.code, code, finished.stderr);
      assert.match(finished.stderr, message);
    };
    await refused('reed-solomon=mmx', 64, /USAGE: .*reed-solomon can be gfni-avx512 or /);
    await refused('no-mmx', 64, /USAGE: .*no feature "mmx" to hide; possible are .*no-gfni/);
    await refused('codec=wasm,no-simd128', 64, /USAGE: .*codec=wasm needs what no-simd128 hides/);
    if (process.arch === 'x64') await refused('reed-solomon=neon', 70, /BACKEND_UNAVAILABLE: reed-solomon=neon is forced, but /);
    else await refused('reed-solomon=avx2', 70, /BACKEND_UNAVAILABLE: reed-solomon=avx2 is forced, but /);
  });

  test('the table for people fits 120 columns and marks what is taken', async () => {
    const { stdout } = await run(['plan', '--data-dir', join(directory, 'node')], { env: environment() });
    const long = stdout.split('\n').filter((line) => line.length > 120);
    // Only a word that cannot be broken may be longer: the path of a file.
    assert.deepEqual(long.filter((line) => !/\S{60,}$/.test(line)), []);
    assert.match(stdout, /^stage +path +GB\/s +why$/m);
    assert.match(stdout, /^codec +\* (native|wasm|portable) /m);
    assert.match(stdout, /^rates +measured /m);
  });
});
