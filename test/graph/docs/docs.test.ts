/** The examples of `docs/graph/api.md` are type-checked, and run against a relay. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { openNodeGraph, type Graph } from '../../../src/graph/graph.ts';
import { openRelay, type Relay } from '../browser/relay.ts';
import { programOf } from './examples.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
type Example = (graph: Graph, relay: string) => Promise<void>;

let folder: string;
let program: string;
let relay: Relay;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pangea-graph-docs-'));
  program = join(folder, 'examples.ts');
  const imports = [
    `import { cycles, fromJsonGraph, generatePair, openGraph, openGraphServer, openNodeGraph, plainPeer, reachable, shortestPath, systemClock, toJsonGraph, walk, type Graph, type SetOf } from '${path('src/graph/graph.ts')}';`,
    `import assert from 'node:assert/strict';`,
    `const same = (actual: unknown, expected: unknown): void => assert.deepEqual(actual, expected);`,
  ];
  await writeFile(program, `${imports.join('\n')}\n${programOf(path('docs/graph/api.md'))}`);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({
    extends: path('tsconfig.json'), files: [program], include: [],
    compilerOptions: { typeRoots: [path('node_modules/@types')], incremental: false, tsBuildInfoFile: null, noUnusedLocals: false, noUnusedParameters: false },
  }));
  relay = await openRelay();
});

after(async () => {
  await relay.close();
  await rm(folder, { recursive: true });
});

test('the examples have the types that they show', { timeout: 120_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [path('node_modules/typescript/bin/tsc'), '-p', folder]).catch((error: { stdout: string }) => error);
  assert.equal(stdout, '');
});

test('the examples give what they show', { timeout: 120_000 }, async (t) => {
  const { examples } = (await import(pathToFileURL(program).href)) as { examples: Readonly<Record<string, Example>> };
  assert.ok(Object.keys(examples).length >= 10);
  for (const [line, run] of Object.entries(examples)) {
    await t.test(`docs/graph/api.md:${line}`, { timeout: 30_000 }, async () => {
      const graph = await openNodeGraph({ peers: [relay.url] });
      try {
        await run(graph, relay.url);
      } finally {
        await graph.close();
      }
    });
  }
});
