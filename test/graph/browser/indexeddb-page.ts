/** Runs in a browser: answers for the stores of this page. */
import { openIndexedDbStore } from '../../../src/graph/storage/indexeddb.ts';
import type { Delta, Lex } from '../../../src/graph/data/types.ts';
import type { GraphStore } from '../../../src/graph/storage/storage.ts';
import { pack, unpack } from './pack.ts';

const stores: GraphStore[] = [];

async function act(id: number, method: string, args: readonly unknown[]): Promise<unknown> {
  if (method === 'open') return stores.push(await openIndexedDbStore(String(args[0])));
  if (method === 'delete') return void indexedDB.deleteDatabase(String(args[0]));
  const store = stores[id - 1] as GraphStore;
  switch (method) {
    case 'read': return (await store.read(args[0] as string[])).map((node) => node?.toDelta() ?? null);
    case 'range': return (await store.range(String(args[0]), args[1] as Lex))?.toDelta() ?? null;
    case 'write': return store.write(args[0] as Delta[]).then(() => store.stats());
    case 'close': return store.close();
    default: {
      const souls: string[] = [];
      for await (const soul of store.souls((args[0] as Lex | null) ?? undefined)) souls.push(soul);
      return souls;
    }
  }
}

Object.assign(globalThis, {
  answer: async (text: string): Promise<string> => {
    const [id, method, ...args] = unpack(text) as [number, string, ...unknown[]];
    return act(id, method, args).then((value) => pack({ value }), (error: { code: string; message: string }) => pack({ error: { code: error.code, message: `${error.message}` } }));
  },
});

declare const indexedDB: { deleteDatabase(name: string): unknown };
