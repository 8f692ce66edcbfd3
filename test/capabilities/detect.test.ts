import assert from 'node:assert/strict';
import { availableParallelism, totalmem } from 'node:os';
import { test } from 'node:test';
import { detectCapabilities } from '../../src/capabilities/capabilities.ts';
import { cpuFromFlags, usableMemoryBytes } from '../../src/capabilities/detect.ts';
import { loadNative, type Native, type NativeLoad } from '../../src/native/native.ts';

const absent: NativeLoad = { ok: false, reason: 'not built in this test' };

test('without the addon: the processor is known, kernel paths are unknown and say so', async () => {
  const found = await detectCapabilities({ native: absent });
  assert.equal(found.cores, availableParallelism());
  assert.ok(found.memoryBytes > 0 && found.memoryBytes <= totalmem());
  assert.deepEqual(found.native, { available: false, detail: 'not built in this test' });
  for (const probe of [found.ioUring, found.ebpf]) {
    assert.deepEqual(probe, { available: false, detail: 'unknown: needs the addon (not built in this test)' });
  }
  if (process.arch === 'x64') assert.equal(found.cpu.ssse3, true, 'every x64 processor of the last fifteen years has SSSE3');
});

test('an addon without probes is an addon that cannot tell', async () => {
  const found = await detectCapabilities({ native: { ok: true, native: {} as Native, path: '/x/pangea.node' } });
  assert.deepEqual(found.native, { available: true, detail: '/x/pangea.node' });
  assert.match(found.ioUring.detail, /built without its probes/);
});

test('flags of the processor by architecture', () => {
  const flags = 'fpu ssse3 avx2 avx512f avx512bw gfni';
  assert.deepEqual(cpuFromFlags('x64', flags), { ssse3: true, avx2: true, avx512: false, gfni: true, neon: false });
  assert.equal(cpuFromFlags('x64', `${flags} AVX512VL`).avx512, true);
  assert.deepEqual(cpuFromFlags('arm64', flags), { ssse3: false, avx2: false, avx512: false, gfni: false, neon: true });
  assert.equal(cpuFromFlags('x64', 'avx2x').avx2, false);
});

test('memory is what the cgroup leaves', () => {
  assert.equal(usableMemoryBytes(100, 0), 100);
  assert.equal(usableMemoryBytes(100, 60), 60);
  assert.equal(usableMemoryBytes(100, Number.MAX_SAFE_INTEGER), 100);
});

const native = loadNative();
const reason = native.ok ? ('probeCpu' in native.native ? false : 'the addon was built without its probes') : native.reason;

test('with the addon: both ways of asking the processor agree, and probes give the system\'s words', { skip: reason }, async () => {
  const [probed, listed] = [await detectCapabilities({ native }), await detectCapabilities({ native: absent })];
  assert.deepEqual(probed.cpu, listed.cpu);
  assert.ok(probed.native.available);
  for (const probe of [probed.ioUring, probed.ebpf]) assert.doesNotMatch(probe.detail, /unknown/);
  const nowhere = await detectCapabilities({ native, directory: '/nowhere/at/all' });
  assert.equal(nowhere.ioUring.available, false);
});
