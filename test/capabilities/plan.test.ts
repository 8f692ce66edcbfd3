import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPangeaError } from '../../src/errors/errors.ts';
import { choose, parseForce, planStages, wantedCodec, type Capabilities, type PlanInput, type StageChoice } from '../../src/capabilities/capabilities.ts';

const able: Capabilities = {
  platform: 'linux', architecture: 'x64', cpuModel: 'x', cores: 2, memoryBytes: 1e9,
  cpu: { ssse3: true, avx2: true, avx512: false, gfni: true, neon: false },
  ioUring: { available: true, detail: 'ring set up' },
  ebpf: { available: false, detail: 'BPF_PROG_LOAD: not permitted' },
  native: { available: true, detail: '/p/pangea.node' },
};
const bare: Capabilities = { ...able, native: { available: false, detail: 'the addon is not built' } };
const nativeRun: PlanInput['running'] = {
  codec: { name: 'native', kernels: { compress: 'libzstd', seal: 'xchacha', reedSolomon: 'gfni-avx2', hash: 'blake3' } },
  store: 'native', transports: ['quic', 'libp2p'], host: 'native', firewall: 'userspace',
};
const portableRun: PlanInput['running'] = {
  codec: { name: 'portable', kernels: { compress: 'node:zlib zstd', seal: 'libsodium', reedSolomon: 'javascript tables', hash: 'blake3' } },
  store: 'node-fs', transports: ['libp2p'], host: 'js', firewall: 'userspace',
};

const nativeChoices: readonly StageChoice[] = [
  choose('codec', [{ path: 'native', bytesPerSecond: 1.4e9 }, { path: 'wasm', bytesPerSecond: 3e8 }, { path: 'portable', bytesPerSecond: 2e8 }]),
  choose('compress', [{ path: 'libzstd', bytesPerSecond: 5e8 }]),
  choose('seal', [{ path: 'xchacha', bytesPerSecond: 3e9 }, { path: 'rustcrypto', bytesPerSecond: 1e9 }]),
  choose('reed-solomon', [
    { path: 'gfni-avx2', bytesPerSecond: 2e10 }, { path: 'avx2', bytesPerSecond: 1.4e10 }, { path: 'scalar', bytesPerSecond: 1e9 },
    { path: 'gfni-avx512', obstacle: 'this processor has no AVX-512' },
  ]),
  choose('hash', [{ path: 'blake3', bytesPerSecond: 4e9 }]),
];
const portableChoices: readonly StageChoice[] = [
  choose('codec', [{ path: 'native', obstacle: 'the addon is not built' }, { path: 'wasm', obstacle: 'hidden by --force no-simd128' }, { path: 'portable', bytesPerSecond: 2e8 }]),
  ...(['compress', 'seal', 'reed-solomon', 'hash'] as const).map((stage) => choose(stage, [])),
];

const plan = (input: Partial<PlanInput>) => {
  const stages = planStages({ capabilities: able, forced: {}, running: nativeRun, choices: nativeChoices, ...input });
  return {
    stages,
    of: (stage: string) => {
      const found = stages.find((one) => one.stage === stage);
      assert.ok(found, stage);
      return found;
    },
    why: (stage: string, path: string) => stages.find((one) => one.stage === stage)?.rejected.find((one) => one.path === path),
  };
};

test('the native node: every stage in order, chosen as running, the kernel paths named as not built', () => {
  const { stages, of, why } = plan({});
  assert.deepEqual(
    stages.map(({ stage, chosen }) => [stage, chosen]),
    [
      ['codec', 'native'], ['compress', 'libzstd'], ['seal', 'xchacha'], ['reed-solomon', 'gfni-avx2'], ['hash', 'blake3'],
      ['store', 'native'], ['transport', 'quic + libp2p'], ['host', 'native'], ['firewall', 'userspace'],
    ],
  );
  assert.ok(stages.every(({ forced }) => !forced));
  assert.deepEqual(why('store', 'io_uring'), { path: 'io_uring', usable: false, reason: 'not in this build; this machine could (ring set up)' });
  assert.deepEqual(why('firewall', 'xdp'), { path: 'xdp', usable: false, reason: 'not in this build; and this machine: BPF_PROG_LOAD: not permitted' });
  assert.equal(why('store', 'node-fs')?.usable, true);
  assert.deepEqual(of('transport').rejected, []);
  assert.equal(of('codec').why, 'fastest measured');
  assert.equal(of('store').why, 'group commit on its own threads; best path of this build');
});

test('rates stand at the chosen path and at its rivals', () => {
  const { of } = plan({});
  assert.equal(of('codec').bytesPerSecond, 1.4e9);
  assert.equal(of('hash').bytesPerSecond, 4e9);
  assert.equal('bytesPerSecond' in of('store'), false);
  assert.deepEqual(of('reed-solomon').candidates.map(({ path, bytesPerSecond }) => [path, bytesPerSecond]), [
    ['gfni-avx2', 2e10], ['avx2', 1.4e10], ['scalar', 1e9], ['gfni-avx512', undefined],
  ]);
  assert.deepEqual(of('reed-solomon').rejected.map(({ path, reason }) => [path, reason]), [
    ['avx2', 'slower: 70 % of gfni-avx2'], ['scalar', 'slower: 5.0 % of gfni-avx2'], ['gfni-avx512', 'this processor has no AVX-512'],
  ]);
});

test('a plan cannot boast: what runs is told by the parts, and a pick that does not run is shown as such', () => {
  const codec = { name: 'native', kernels: { compress: 'libzstd', seal: 'xchacha', reedSolomon: 'avx2', hash: 'blake3' } };
  const { of, why } = plan({ running: { codec } });
  assert.equal(of('reed-solomon').chosen, 'avx2');
  assert.equal(of('reed-solomon').bytesPerSecond, 1.4e10);
  assert.equal(of('reed-solomon').why, 'the codec says that it runs this; gfni-avx2 was picked');
  assert.equal(why('reed-solomon', 'gfni-avx2')?.reason, 'picked, but the codec did not take it');
  const unknown = plan({ running: { codec: { ...codec, kernels: { ...codec.kernels, seal: 'other' } } } });
  assert.equal(unknown.of('seal').chosen, 'other');
  assert.equal(unknown.of('seal').candidates[0]?.path, 'other');
});

test('without the addon the reason stands at every stage that misses it', () => {
  const { of, why } = plan({ capabilities: bare, running: portableRun, choices: portableChoices });
  for (const [stage, path] of [['codec', 'native'], ['store', 'native'], ['transport', 'quic'], ['host', 'native']] as const) {
    assert.deepEqual(why(stage, path), { path, usable: false, reason: 'the addon is not built' });
  }
  for (const stage of ['store', 'transport', 'host']) assert.match(of(stage).why, /the addon is not built/);
  assert.equal(of('codec').why, 'the only one that can be taken');
  assert.equal(of('hash').why, 'the portable codec\'s');
  assert.deepEqual(of('hash').rejected, [{ path: 'native codec', usable: false, reason: 'the addon is not built' }]);
});

test('a forced path is shown as forced, an unmet wish as unmet', () => {
  const forced = parseForce(['codec=portable', 'store=node-fs']);
  const choices = [choose('codec', [{ path: 'native', bytesPerSecond: 2 }, { path: 'portable', bytesPerSecond: 1 }], forced.codec)];
  const met = plan({ running: portableRun, forced, choices });
  assert.equal(met.of('codec').forced, true);
  assert.equal(met.of('codec').why, '--force codec=portable');
  assert.equal(met.of('reed-solomon').forced, true);
  assert.equal(met.why('codec', 'native')?.usable, true);
  assert.equal(met.of('host').forced, false);
  const unmet = plan({ capabilities: bare, running: portableRun, choices: portableChoices, forced: { codec: 'native', host: 'native' } });
  assert.equal(unmet.of('codec').forced, false);
  assert.equal(unmet.of('host').forced, false);
  assert.match(unmet.of('host').why, /--force host=native could not be met/);
});

test('a quarantined path is rejected with its reason, and a stage that does not run is not shown', () => {
  const { why, stages } = plan({
    running: { codec: portableRun.codec ?? assert.fail() },
    choices: [choose('codec', [{ path: 'native', obstacle: 'self-test: golden vector differs', quarantined: true }, { path: 'portable' }])],
  });
  assert.deepEqual(why('codec', 'native'), { path: 'native', usable: false, reason: 'self-test: golden vector differs', quarantined: true });
  assert.deepEqual(stages.map(({ stage }) => stage), ['codec', 'compress', 'seal', 'reed-solomon', 'hash']);
});

test('--force takes kernels, ciphers and hidden features, with the codec that they belong to', () => {
  assert.deepEqual(parseForce(['reed-solomon=avx2', 'seal=rustcrypto']), { 'reed-solomon': 'avx2', seal: 'rustcrypto' });
  assert.equal(wantedCodec(parseForce(['seal=rustcrypto'])), 'native');
  assert.equal(wantedCodec({}), undefined);
  assert.equal(wantedCodec(parseForce(['reed-solomon=simd128'])), 'wasm');
  assert.deepEqual(parseForce([' no-gfni', 'no-native', 'no-gfni']), { hidden: ['gfni', 'native'] });
  assert.deepEqual(parseForce(['codec=wasm', 'no-native']), { codec: 'wasm', hidden: ['native'] });
});

test('--force refuses with what would be allowed', () => {
  assert.deepEqual(parseForce([]), {});
  assert.deepEqual(parseForce([' host = js ', 'host=js']), { host: 'js' });
  const fails = (settings: string[], message: RegExp): void => {
    assert.throws(() => parseForce(settings), (error) => isPangeaError(error, 'USAGE') && message.test(error.message));
  };
  fails(['codec'], /STAGE=PATH.*codec=native\|wasm\|portable.*reed-solomon=gfni-avx512\|.*store=native\|node-fs, transport=quic\|libp2p, host=native\|js.*no-avx2/);
  fails(['codec='], /STAGE=PATH/);
  fails(['a=b=c'], /STAGE=PATH/);
  fails(['__proto__=x'], /no stage "__proto__"/);
  fails(['codec=gpu'], /codec can be native or wasm or portable, not "gpu"/);
  fails(['hash=native'], /hash follows codec/);
  fails(['firewall=xdp'], /not in this build/);
  fails(['store=io_uring'], /not in this build/);
  fails(['host=js', 'host=native'], /forced to js and to native/);
  fails(['no-mmx'], /no feature "mmx" to hide.*no-simd128, no-native/);
  fails(['no-__proto__'], /no feature/);
  fails(['reed-solomon=avx1024'], /reed-solomon can be gfni-avx512 or .* or scalar, not "avx1024"/);
  fails(['codec=portable', 'reed-solomon=avx2'], /reed-solomon=avx2 belongs to codec=native, not to codec=portable/);
  fails(['reed-solomon=simd128', 'seal=dryoc'], /seal=dryoc belongs to codec=native, not to codec=wasm/);
  fails(['reed-solomon=gfni-avx2', 'no-ssse3'], /reed-solomon=gfni-avx2 needs what no-ssse3 hides/);
  fails(['codec=native', 'no-native'], /codec=native needs what no-native hides/);
  fails(['host=native', 'no-native'], /host=native needs what no-native hides/);
});
