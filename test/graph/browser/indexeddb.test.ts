/**
 * The store in a real browser's IndexedDB, under the suite that every store passes. The suite runs here; each call goes
 * to a page and back, numbers by their bits so that none is changed on the way.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { PangeaError, type ErrorCode } from '../../../src/errors/errors.ts';
import { GraphNode } from '../../../src/graph/data/node.ts';
import type { Delta, Lex } from '../../../src/graph/data/types.ts';
import type { GraphStore } from '../../../src/graph/storage/storage.ts';
import { collect, delta, graphStoreConformance, plain, type GraphPlace } from '../../conformance/graph-store.ts';
import { Chromium, skip, type Page } from './chromium.ts';
import { pack, unpack } from './pack.ts';
import { blank, serveSite, type Site } from './serve.ts';

let site: Site;
let browser: Chromium;
let page: Page;
let places = 0;

async function start(): Promise<void> {
  const bundle = await build({ entryPoints: [new URL('./indexeddb-page.ts', import.meta.url).pathname], bundle: true, format: 'esm', write: false, platform: 'browser' });
  site = await serveSite({ '/': `${blank}<script type="module" src="/page.js"></script>`, '/page.js': bundle.outputFiles[0]?.text ?? '' });
  browser = await Chromium.launch();
  page = await browser.open(site.origin);
}

/** Asks the page's `answer`; an error of the store comes with its code. */
async function ask<T>(call: readonly unknown[]): Promise<T> {
  const text = await page.run<string>(`answer(${JSON.stringify(pack(call))})`);
  const { error, value } = unpack(text) as { error?: { code: ErrorCode; message: string }; value: T };
  if (error) throw new PangeaError(error.code, error.message);
  return value;
}

class RemoteStore implements GraphStore {
  readonly name = 'indexeddb';
  readonly durability = 'disk';
  readonly #id: number;
  #counts = { writes: 0, fields: 0, bytes: 0 };

  constructor(id: number) {
    this.#id = id;
  }

  async read(souls: readonly string[]): Promise<(GraphNode | undefined)[]> {
    return (await this.#ask<(Delta | null)[]>('read', souls)).map((node) => (node === null ? undefined : GraphNode.from(node)));
  }

  async range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    const node = await this.#ask<Delta | null>('range', soul, lex);
    return node === null ? undefined : GraphNode.from(node);
  }

  async *souls(lex?: Lex): AsyncIterable<string> {
    yield* await this.#ask<string[]>('souls', lex ?? null);
  }

  async write(deltas: readonly Delta[]): Promise<void> {
    this.#counts = await this.#ask('write', deltas);
  }

  stats(): { readonly writes: number; readonly fields: number; readonly bytes: number } {
    return this.#counts;
  }

  async close(): Promise<void> {
    await this.#ask('close');
  }

  #ask<T>(method: string, ...args: readonly unknown[]): Promise<T> {
    return ask<T>([this.#id, method, ...args]);
  }
}

async function opened(database: string): Promise<RemoteStore> {
  return new RemoteStore(await ask<number>([0, 'open', database]));
}

async function place(): Promise<GraphPlace> {
  const database = `place-${++places}`;
  const stores = [await opened(database)];
  return {
    store: stores[0] as RemoteStore,
    // The first stays open, as that of another tab does.
    reopen: async () => {
      const again = await opened(database);
      stores.push(again);
      return again;
    },
    dispose: async () => {
      for (const store of stores) await store.close();
      await ask([0, 'delete', database]);
    },
  };
}

if (skip) {
  test('the IndexedDB store', { skip }, () => undefined);
} else {
  before(start, { timeout: 60_000 });
  after(async () => {
    await browser.close();
    await site.close();
  });
  graphStoreConformance('indexeddb', place, { runs: 15 });

  test('indexeddb: what a write acknowledged is there after the page was reloaded, without closing', { timeout: 60_000 }, async () => {
    const store = await opened('reloaded');
    await store.write([delta('kept', { a: 1, b: { '#': 'c' } })]);
    await page.reload();
    const again = await opened('reloaded');
    assert.deepEqual(plain((await again.read(['kept']))[0]), { a: [1, 1], b: [{ '#': 'c' }, 1] });
    await again.close();
  });

  test('indexeddb: two tabs write one database, and neither loses what the other wrote', { timeout: 60_000 }, async () => {
    const [left, right] = [await opened('shared'), await opened('shared')];
    await Promise.all(Array.from({ length: 40 }, (_, at) => (at % 2 ? left : right).write([delta('n', { [`k${at}`]: at, last: at }, at)])));
    const [node] = await left.read(['n']);
    assert.equal(node?.size, 41);
    assert.deepEqual(node.field('last'), { key: 'last', value: 39, state: 39 });
    await Promise.all([left.close(), right.close()]);
  });

  test('indexeddb: more souls than are looked up at once, both ways', { timeout: 60_000 }, async () => {
    const store = await opened('many');
    const souls = Array.from({ length: 600 }, (_, at) => `s${String(at).padStart(3, '0')}`);
    await store.write(souls.map((soul) => delta(soul, { a: 1, b: 2 })));
    assert.deepEqual(await collect(store.souls()), souls);
    assert.deepEqual(await collect(store.souls({ '-': 1 })), souls.toReversed());
    assert.deepEqual(await collect(store.souls({ '>': 's344', '-': 1 })), souls.slice(344).reverse());
    await store.close();
  });
}
