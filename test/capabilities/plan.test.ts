import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPangeaError } from '../../src/errors/errors.ts';
import { parseForce, planStages, type Capabilities, type PlanInput } from '../../src/capabilities/capabilities.ts';

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

const plan = (input: Partial<PlanInput>) => {
  const stages = planStages({ capabilities: able, forced: {}, running: nativeRun, ...input });
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
  assert.match(of('codec').why, /best path of this build/);
});

test('the ladder of instruction sets tells what is missing and what is only slower', () => {
  const { of } = plan({});
  assert.deepEqual(of('reed-solomon').rejected.map(({ path, reason }) => [path, reason]), [
    ['gfni-avx512', 'this processor has no AVX-512'], ['avx2', 'slower'], ['ssse3', 'slower'], ['scalar', 'slower'],
    ['portable codec', 'slower'],
  ]);
  const codec = { name: 'native', kernels: { compress: '', seal: '', reedSolomon: 'avx2', hash: '' } };
  const rejected = plan({ running: { codec } }).of('reed-solomon').rejected;
  assert.match(rejected.find(({ path }) => path === 'gfni-avx2')?.reason ?? '', /did not take it/);
  const arm = { ...able, architecture: 'arm64', cpu: { ssse3: false, avx2: false, avx512: false, gfni: false, neon: true } };
  const neon = { codec: { ...codec, kernels: { ...codec.kernels, reedSolomon: 'neon' } } };
  assert.deepEqual(plan({ capabilities: arm, running: neon }).of('reed-solomon').rejected.map(({ path }) => path), ['scalar', 'portable codec']);
});

test('without the addon the reason stands at every stage that misses it', () => {
  const { of, why } = plan({ capabilities: bare, running: portableRun });
  for (const [stage, path] of [['codec', 'native'], ['store', 'native'], ['transport', 'quic'], ['host', 'native']] as const) {
    assert.deepEqual(why(stage, path), { path, usable: false, reason: 'the addon is not built' });
    assert.match(of(stage).why, /the addon is not built/);
  }
  assert.equal(why('hash', 'native codec')?.reason, 'the addon is not built');
});

test('a forced path is shown as forced, an unmet wish as unmet', () => {
  const met = plan({ running: portableRun, forced: parseForce(['codec=portable', 'store=node-fs']) });
  assert.equal(met.of('codec').forced, true);
  assert.equal(met.of('codec').why, '--force codec=portable');
  assert.equal(met.of('reed-solomon').forced, true);
  assert.equal(met.why('codec', 'native')?.usable, true);
  assert.equal(met.of('host').forced, false);
  const unmet = plan({ capabilities: bare, running: portableRun, forced: { codec: 'native' } });
  assert.equal(unmet.of('codec').forced, false);
  assert.match(unmet.of('codec').why, /--force codec=native could not be met/);
});

test('a quarantined path is rejected with its reason, and a stage that does not run is not shown', () => {
  const { why, stages } = plan({
    running: { codec: portableRun.codec ?? assert.fail() },
    quarantined: [{ stage: 'codec', path: 'native', reason: 'self-test: golden vector differs' }],
  });
  assert.deepEqual(why('codec', 'native'), { path: 'native', usable: false, reason: 'self-test: golden vector differs' });
  assert.deepEqual(stages.map(({ stage }) => stage), ['codec', 'compress', 'seal', 'reed-solomon', 'hash']);
});

test('--force refuses with what would be allowed', () => {
  assert.deepEqual(parseForce([]), {});
  assert.deepEqual(parseForce([' host = js ', 'host=js']), { host: 'js' });
  const fails = (settings: string[], message: RegExp): void => {
    assert.throws(() => parseForce(settings), (error) => isPangeaError(error, 'USAGE') && message.test(error.message));
  };
  fails(['codec'], /STAGE=PATH.*codec=native\|portable, store=native\|node-fs, transport=quic\|libp2p, host=native\|js/);
  fails(['codec='], /STAGE=PATH/);
  fails(['a=b=c'], /STAGE=PATH/);
  fails(['__proto__=x'], /no stage "__proto__"/);
  fails(['codec=gpu'], /codec can be native or portable, not "gpu"/);
  fails(['hash=native'], /hash follows codec/);
  fails(['firewall=xdp'], /not in this build/);
  fails(['store=io_uring'], /not in this build/);
  fails(['host=js', 'host=native'], /forced to js and to native/);
});
