/** The bundle in pages of a real browser, over our relay: what a program for the web does with it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildBundles, type Bundles } from './bundle.ts';
import { Chromium, skip, type Page } from './chromium.ts';
import { openRelay, type Relay } from './relay.ts';
import { blank, serveSite, type Site } from './serve.ts';

let bundles: Bundles;
let site: Site;
let relay: Relay;
let browser: Chromium;
let ada: Page;
let bob: Page;

before(async () => {
  bundles = await buildBundles();
  if (skip) return;
  relay = await openRelay();
  const page = (options: string): string => `${blank}<script type="module">
    import * as pangea from '/pangea-graph.min.js';
    Object.assign(globalThis, { pangea, seen: [] });
    globalThis.graph = pangea.openGraph({ peers: ['${relay.url}'], backoff: { firstMs: 100, lastMs: 400 }, ${options} });
    graph.peer.onPeer(() => { globalThis.peers = graph.peer.mesh.peers().length; });
  </script>`;
  site = await serveSite({
    '/': page(''),
    '/kept': page('store: await pangea.openIndexedDbStore(), closeStore: true'),
    '/pangea-graph.min.js': bundles.files['pangea-graph.min.js'] ?? '',
    '/pangea-gun.min.mjs': bundles.files['pangea-gun.min.mjs'] ?? '',
  });
  browser = await Chromium.launch();
  [ada, bob] = await Promise.all([browser.open(site.origin), browser.open(site.origin)]);
  await Promise.all([ada, bob].map((each) => each.until('globalThis.peers === 1')));
}, { timeout: 60_000 });

after(async () => {
  if (skip) return;
  await browser.close();
  await site.close();
  await relay.close();
});

const options = { skip, timeout: 60_000 };

test('the bundles import nothing, and come plain and small, each with its map', () => {
  for (const name of ['pangea-graph.js', 'pangea-graph.min.js', 'pangea-gun.js', 'pangea-gun.min.js', 'pangea-gun.mjs', 'pangea-gun.min.mjs']) {
    const text = bundles.files[name] ?? '';
    assert.doesNotMatch(text, /^\s*import\b|\bimport\(|\brequire\(|["']node:/m, name);
    assert.match(text, /\/\/# sourceMappingURL=/);
    assert.ok((JSON.parse(bundles.files[`${name}.map`] ?? '') as { sources: string[] }).sources.length > 20);
    assert.match(bundles.printed, new RegExp(`${name.replaceAll('.', '\\.')}: [\\d.]+ KiB, gzip [\\d.]+ KiB, brotli [\\d.]+ KiB`));
  }
});

test('what one page puts the other hears and reads, both ways', options, async () => {
  for (const page of [ada, bob]) await page.run(`graph.get('talk').get('topic').on((data) => seen.push(data)); 0`);
  assert.equal(await ada.run(`graph.get('talk').put({ topic: 'hello', when: 5 }).then(({ stored }) => stored)`), 'memory');
  await bob.until(`seen.includes('hello')`);
  assert.equal(await bob.run(`graph.get('talk').get('when').once().then((when) => when)`), 5);
  await bob.run(`graph.get('talk').get('topic').put('again').then(() => 0)`);
  await ada.until(`seen.at(-1) === 'again'`);
  assert.equal(await ada.run(`graph.get('talk').once().then(({ topic }) => topic)`), 'again');
  assert.equal(await ada.run(`graph.get('nothing').once({ wait: 200 }).then((data) => String(data))`), 'undefined');
});

test('a put that asks for it is acknowledged by the relay, which has it on disk', options, async () => {
  const acks = await ada.run<{ from: string; stored: string }[]>(`graph.get('safe').put({ here: true }, undefined, { acks: 1 }).then(({ acks }) => acks.map(({ from, stored }) => ({ from, stored })))`);
  assert.deepEqual(acks, [{ from: relay.peer.pid, stored: 'disk' }]);
  assert.equal((await relay.peer.load('safe'))?.value('here'), true);
});

test('an async iterator follows a set that grows on the other page, and off leaves nothing', options, async () => {
  await bob.run(`globalThis.items = []; globalThis.stop = new AbortController();
    globalThis.reading = (async () => { for await (const { data } of graph.get('list').map().on({ signal: stop.signal })) items.push(data.text); })().catch(() => 0); 0`);
  for (let at = 0; at < 4; at++) await ada.run(`graph.get('list').set({ text: 'item ${at}' }).then(() => 0)`);
  await bob.until(`[...new Set(items)].sort().join() === 'item 0,item 1,item 2,item 3'`);
  await bob.run(`stop.abort(); reading.then(() => 0)`);
  await bob.run(`graph.off(); 0`);
  assert.deepEqual(await bob.run(`({ watched: graph.peer.stats().replica.watched, subscriptions: graph.peer.stats().subscriptions })`), { watched: 0, subscriptions: 0 });
});

test('a user made in one page signs there, logs in on the other, and nobody else writes in the name', options, async () => {
  const pub = await ada.run<string>(`graph.session.create('ada', 'correct horse').then(({ pub }) => pub)`);
  await ada.run(`graph.user().get('motto').put('signed').then(() => 0)`);
  await bob.until(`graph.user('${pub}').get('motto').once().then((motto) => motto === 'signed')`);
  assert.equal(await bob.run(`graph.user('${pub}').get('motto').put('forged').then(() => 'taken', ({ code }) => code)`), 'DENIED');
  assert.equal(await bob.run(`graph.session.auth('ada', 'wrong horse').then(() => 'in', ({ code }) => code)`), 'WRONG_KEY');
  assert.equal(await bob.run(`graph.session.auth('ada', 'correct horse').then(({ pub }) => pub)`), pub);
  await bob.run(`graph.user().get('motto').put('signed again').then(() => 0)`);
  await ada.until(`graph.user().once().then(({ motto }) => motto === 'signed again')`);
  const secret = await ada.run<string>(`graph.sea.encrypt('for me', graph.session.pair)`);
  assert.match(secret, /^SEA\{/);
  assert.equal(await bob.run(`graph.sea.decrypt(${JSON.stringify(secret)}, graph.session.pair)`), 'for me');
});

test('what both pages write while the relay is away arrives when it is back', options, async () => {
  await ada.run(`graph.get('away').on(() => 0); 0`);
  await relay.stop();
  await Promise.all([ada, bob].map((page) => page.until('globalThis.peers === 0')));
  await ada.run(`graph.get('away').get('ada').put('offline').then(() => 0)`);
  await bob.run(`graph.get('away').get('bob').put('offline too').then(() => 0)`);
  await relay.start();
  await bob.until(`graph.get('away').get('ada').once().then((data) => data === 'offline')`);
  await ada.until(`graph.get('away').get('bob').once().then((data) => data === 'offline too')`);
  const kept = await relay.peer.load('away');
  assert.deepEqual([kept?.value('ada'), kept?.value('bob')], ['offline', 'offline too']);
});

test('IndexedDB keeps a page\'s graph over a reload without the relay, and what was not sent is sent then', options, async () => {
  const page = await browser.open(`${site.origin}/kept`);
  await page.until('globalThis.peers === 1');
  assert.equal(await page.run(`graph.get('mine').put({ a: 1, deep: { b: 2 } }).then(({ stored }) => stored)`), 'disk');
  await relay.stop();
  await page.run(`graph.get('mine').get('late').put('while away').then(() => 0)`);
  await page.reload();
  await page.until('globalThis.graph');
  assert.deepEqual(await page.run(`graph.get('mine').load().then(({ a, deep, late }) => ({ a, b: deep.b, late }))`), { a: 1, b: 2, late: 'while away' });
  await relay.start();
  await page.until('globalThis.peers === 1');
  // Written before the page was loaded anew, and asked for by nobody.
  while ((await relay.peer.load('mine'))?.value('late') !== 'while away') await new Promise((resolve) => setTimeout(resolve, 50));
  await page.run('graph.close().then(() => 0)');
  await page.close();
});

test('the drop-in is a module too, and leaves the page\'s globals alone', options, async () => {
  assert.equal(await ada.run(`import('/pangea-gun.min.mjs').then(async ({ default: Gun, SEA }) => {
    const gun = Gun({ peers: ['${relay.url}'], localStorage: false });
    await new Promise((done) => gun.get('module').put({ here: 1 }, done));
    return [typeof SEA.pair, 'Gun' in globalThis, await new Promise((done) => gun.get('module').get('here').once(done))].join();
  })`), 'function,false,1');
});

test('traversal works on the page\'s own graph', options, async () => {
  await ada.run(`graph.get('a').put({ next: { '#': 'b' } }).then(() => graph.get('b').put({ next: { '#': 'c' } })).then(() => graph.get('c').put({ next: { '#': 'a' } })).then(() => 0)`);
  assert.deepEqual(await ada.run(`pangea.shortestPath(graph.peer, 'a', 'c').then(({ edges }) => edges.map(({ target }) => target))`), ['b', 'c']);
  assert.equal(await ada.run(`(async () => { let found = 0; for await (const { souls } of pangea.cycles(graph.peer, ['a'])) found += souls.length; return found; })()`), 3);
});

test('no page saw an error that it did not cause', options, () => {
  assert.deepEqual([...ada.errors, ...bob.errors].filter((error) => !error.includes('WebSocket')), []);
});
