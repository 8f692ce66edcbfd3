import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import fc from 'fast-check';
import { graph, pause, plain } from './graphs.ts';
import type { Chain } from '../../../src/graph/graph.ts';

interface Put {
  readonly path: readonly string[];
  readonly data?: unknown;
  /** The chain that is put in place of data. */
  readonly link?: readonly string[];
  readonly set?: boolean;
}

// Keys tell what is under them. gun.js goes on writing to a node that a field led to once, whatever took the place of the
// link since (`x.a = {…}; x.a = 1; x.a = {…}`), when it remembers it, which depends on what was read before; ours does not.
const scalarKey = fc.constantFrom('s', 't');
const nodeKey = fc.constantFrom('a', 'b');
const linkKey = fc.constantFrom('l', 'm');
const scalar = fc.constantFrom<unknown>(1, 'text', true, null, -2.5, '');
const link = fc.constantFrom({ '#': 'x' }, { '#': 'y' }, { '#': 'elsewhere' });
const entry = fc.letrec<{ node: Record<string, unknown>; entry: [string, unknown] }>((tie) => ({
  entry: fc.oneof({ depthSize: 'small' }, fc.tuple(scalarKey, scalar), fc.tuple(linkKey, link), fc.tuple(nodeKey, tie('node'))),
  node: fc.array(tie('entry'), { minLength: 1, maxLength: 3 }).map((entries) => Object.fromEntries(entries as [string, unknown][])),
}));
const way = fc.tuple(fc.constantFrom('x', 'y'), fc.array(nodeKey, { maxLength: 3 })).map(([soul, keys]) => [soul, ...keys]);
const to = (last: fc.Arbitrary<string>): fc.Arbitrary<string[]> => fc.tuple(way, last).map(([path, key]) => [...path, key]);
const put: fc.Arbitrary<Put> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ path: way, data: entry.node }) },
  { weight: 4, arbitrary: fc.record({ path: to(scalarKey), data: scalar }) },
  { weight: 1, arbitrary: fc.record({ path: to(linkKey), data: link }) },
  { weight: 1, arbitrary: fc.record({ path: to(linkKey), link: fc.constantFrom(['x'], ['y']) }) },
  { weight: 1, arbitrary: fc.record({ path: way, link: fc.constantFrom(['x'], ['y']), set: fc.constant(true) }) },
);

/** gun.js's answer to one program. */
function ask(oracle: ChildProcess, program: readonly Put[]): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    oracle.once('message', (graph) => resolve(graph as Record<string, unknown>));
    oracle.once('exit', () => reject(new Error('gun.js ended')));
    oracle.send(program as Put[]);
  });
}

test('random programs leave the same graph as in gun.js', { timeout: 120_000 }, async (t) => {
  const oracle = fork(fileURLToPath(new URL('gun-oracle.cjs', import.meta.url)), { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  t.after(() => oracle.kill('SIGKILL'));
  await fc.assert(
    fc.asyncProperty(fc.array(put, { minLength: 1, maxLength: 8 }), async (program) => {
      const theirs = await ask(oracle, program);
      oracle.removeAllListeners('exit');
      const gun = graph(t);
      const walk = (path: readonly string[]): Chain => path.reduce((chain: Chain, step) => chain.get(step), gun as Chain);
      for (const { path, data, link, set } of program) {
        const value: unknown = link ? walk(link) : data;
        await (set ? walk(path).set(value) : walk(path).put(value));
        await pause(1);
      }
      const ours: Record<string, unknown> = {};
      for await (const soul of gun.peer.souls()) ours[soul] = plain(await gun.get(soul).once());
      assert.deepEqual(ours, theirs);
      await gun.close();
    }),
    { numRuns: 120, seed: 7 },
  );
});
