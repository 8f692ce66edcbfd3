/** What TypeScript knows of the bundle, in a project that has neither our sources nor Node's types. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

const program = `
import { openGraph, openIndexedDbStore, shortestPath, type SetOf } from './pangea-graph.js';
interface Person { name: string; friends: SetOf<Person> }
const graph = openGraph<{ people: SetOf<Person> }>({ peers: ['wss://relay.example/gun'], store: await openIndexedDbStore() });
const ada = graph.get('people').get('ada');
export const name: string | null | undefined = (await ada.get('friends').get('bob').once())?.name;
export const path = await shortestPath(graph.peer, 'a', 'b');
await ada.put({ name: 5 });
await ada.get('age').once();
`;

test('the types of the bundle stand alone, and refuse what the schema does not have', { timeout: 120_000 }, async () => {
  const out = await mkdtemp(join(tmpdir(), 'pangea-graph-types-'));
  try {
    await promisify(execFile)(process.execPath, [path('scripts/build-browser.mjs'), '--out', out]);
    await writeFile(join(out, 'program.ts'), program);
    await writeFile(join(out, 'tsconfig.json'), JSON.stringify({
      compilerOptions: { strict: true, target: 'es2022', module: 'esnext', moduleResolution: 'bundler', lib: ['es2024', 'dom'], types: [], noEmit: true }, files: ['program.ts'],
    }));
    const { stdout } = await promisify(execFile)(process.execPath, [path('node_modules/typescript/bin/tsc'), '-p', out, '--pretty', 'false'], { cwd: out }).catch((error: { stdout: string }) => error);
    const lines = stdout.split('\n').filter((line) => /^\S.*error/.test(line));
    assert.equal(lines.length, 2, stdout);
    assert.match(lines[0] ?? '', /program\.ts\(8,17\): error TS2322: Type 'number' is not assignable to type 'string'/);
    assert.match(lines[1] ?? '', /program\.ts\(9,15\): error TS2769: No overload matches this call/);
  } finally {
    await rm(out, { recursive: true });
  }
});
