import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeTree, encodeTree, type TreeEntry } from '../../src/control/control.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { collect } from './memory-node.ts';

interface Held { readonly path: string; readonly type: TreeEntry['type']; readonly mode: number; readonly modifiedMs: number; readonly content: Uint8Array }

const held: fc.Arbitrary<Held> = fc.record({
  path: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), type: fc.constantFrom('file', 'directory', 'symlink'),
  mode: fc.nat(0o7777), modifiedMs: fc.integer({ min: -1e12, max: 1e13 }),
  content: fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.nat(300_000).map((length) => new Uint8Array(length).fill(length))),
});

async function* entriesOf(tree: readonly Held[], cut: number): AsyncGenerator<TreeEntry> {
  for (const { content, ...entry } of tree) {
    if (entry.type === 'symlink') yield { ...entry, bytes: 0, target: 'a/b' };
    else if (entry.type === 'directory') yield { ...entry, bytes: 0 };
    else yield { ...entry, bytes: content.length, content: again(content, cut) };
  }
}

async function* again(bytes: Uint8Array, cut: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += cut) yield bytes.subarray(at, at + cut);
}

test('what goes in comes out, however the stream is cut', async () => {
  await fc.assert(fc.asyncProperty(fc.array(held, { maxLength: 12 }), fc.integer({ min: 1, max: 70_000 }), fc.integer({ min: 1, max: 300_000 }), async (tree, fileCut, streamCut) => {
    const stream = await collect(encodeTree(entriesOf(tree, fileCut + 1000)));
    const out: Held[] = [];
    for await (const entry of decodeTree(again(stream, streamCut + 100))) {
      assert.equal(entry.target, entry.type === 'symlink' ? 'a/b' : undefined);
      const content = entry.content === undefined ? new Uint8Array(0) : await collect(entry.content);
      out.push({ path: entry.path, type: entry.type, mode: entry.mode, modifiedMs: entry.modifiedMs, content });
    }
    assert.deepEqual(out, tree.map((entry) => ({ ...entry, content: entry.type === 'file' ? entry.content : new Uint8Array(0) })));
  }), { numRuns: 150, seed: 3 });
});

test('truncated, changed and random streams end in PROTOCOL, never in a shorter tree', async () => {
  const tree: Held[] = [
    { path: 'a', type: 'file', mode: 0o644, modifiedMs: 1, content: new Uint8Array(40).fill(7) },
    { path: 'b', type: 'directory', mode: 0o755, modifiedMs: 2, content: new Uint8Array(0) },
  ];
  const whole = await collect(encodeTree(entriesOf(tree, 1000)));
  const read = async (bytes: Uint8Array): Promise<number> => {
    let count = 0;
    for await (const entry of decodeTree(again(bytes, 16))) {
      count++;
      if (entry.content) await collect(entry.content);
    }
    return count;
  };
  assert.equal(await read(whole), 2);
  for (let length = 0; length < whole.length; length++) await assert.rejects(read(whole.subarray(0, length)), { code: 'PROTOCOL' }, `cut at ${length}`);
  await assert.rejects(read(new Uint8Array([...whole, 0])), { code: 'PROTOCOL' });
  await fc.assert(fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 60 }), async (at, value, noise) => {
    const changed = Uint8Array.from(whole);
    changed[at] = value;
    for (const bytes of [changed, noise]) await read(bytes).catch((error: unknown) => assert.ok(isPangeaError(error, 'PROTOCOL'), String(error)));
  }), { numRuns: 2000, seed: 9 });
});

test('the tree in schema/control.md is what is written and read', async () => {
  const page = readFileSync(new URL('../../schema/control.md', import.meta.url), 'utf8');
  const bytes = Buffer.from(/```hex\n([\s\S]*?)```/.exec(page)?.[1]?.replaceAll('\n', '') ?? '', 'hex');
  async function* example(): AsyncGenerator<TreeEntry> {
    yield { path: 'd', type: 'directory', mode: 0o755, modifiedMs: 1, bytes: 0 };
    yield { path: 'd/f', type: 'file', mode: 0o644, modifiedMs: 2, bytes: 2, content: again(Buffer.from('hi'), 2) };
  }
  assert.deepEqual(Buffer.from(await collect(encodeTree(example()))), bytes);
  const paths: string[] = [];
  for await (const { path } of decodeTree(again(bytes, 3))) paths.push(path);
  assert.deepEqual(paths, ['d', 'd/f']);
});

test('a file that changes while it is read is an error', async () => {
  for (const announced of [10, 12]) {
    const grown = async function* (): AsyncGenerator<TreeEntry> {
      yield { path: 'log', type: 'file', mode: 0o644, modifiedMs: 1, bytes: announced, content: again(new Uint8Array(11), 4) };
    };
    await assert.rejects(collect(encodeTree(grown())), { code: 'DIRECTORY_INVALID', message: /log changed its size/ });
  }
});
