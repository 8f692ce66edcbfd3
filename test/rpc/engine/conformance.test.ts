import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadNative } from '../../../src/native/native.ts';
import { openNativeEngine, openWasmEngine } from '../../../src/rpc/engine/engine.ts';
import { rpcEngineConformance } from '../../conformance/rpc-engine.ts';

rpcEngineConformance('wasm', openWasmEngine);

const load = loadNative();
if (load.ok) {
  rpcEngineConformance('native', openNativeEngine);
  rpcEngineConformance('native with wasm', openNativeEngine, openWasmEngine);
} else {
  test('native', { skip: load.reason });
}

test('the committed module is of the sources that are here', () => {
  const done = spawnSync(process.execPath, [fileURLToPath(new URL('../../../scripts/build-rpc-wasm.mjs', import.meta.url)), '--check'], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
});
