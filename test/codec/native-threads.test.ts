/** How the addon shares its threads among calls. Each test has a process of its own, in which no thread was started yet. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { loadNative } from '../../src/native/native.ts';

const load = loadNative();
const missing = !load.ok ? load.reason : availableParallelism() < 2 ? 'one core has nothing to share' : false;

// Training takes no more than its own thread, some tenths of a second, and memory in proportion to the samples.
const program = `
  import { loadNative } from ${JSON.stringify(join(import.meta.dirname, '../../src/native/native.ts'))};
  const { Ces, NativeBody } = loadNative().native;
  const ces = Ces.best();
  const record = (at) => JSON.stringify({ at, name: 'sample ' + at * 7919 % 1013, even: at % 2 === 0 });
  // Few, since taking them over would give the first call's thread the time to wake before the second call comes.
  const samples = Array.from({ length: 9 }, (_, at) => Buffer.from(Array.from({ length: 2_000 }, (_, line) => record(at * 2_000 + line)).join()));
  const train = () => ces.trainDictionary(samples, 4096);
  const wait = () => new Promise((resolve) => setTimeout(resolve, 20));
  await train();
  const alone = Ces.memory().most;
  await wait(); // until its thread is parked
  await Promise.all([train(), train()]);
  console.log(Ces.memory().most / alone);
`;

describe('threads of the native codec', () => {
  test('a second call does not wait for the parked thread that the first one has woken', { skip: missing, timeout: 60_000 }, () => {
    // Whether the woken thread looks before the second call comes is chance, so there is a round for each face of it.
    for (let round = 0; round < 6; round++) {
      const done = spawnSync(process.execPath, ['--input-type=module-typescript', '--eval', program], { encoding: 'utf8', timeout: 9_000 });
      assert.deepEqual({ status: done.status, stdout: done.stdout, stderr: done.stderr }, { status: 0, stdout: '2\n', stderr: '' });
    }
  });
});
