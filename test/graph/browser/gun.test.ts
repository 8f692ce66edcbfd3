/**
 * One page written for gun.js, over a node as people start it, with three libraries under it: the npm package `gun` as it comes, which knows of us only the
 * address; our drop-in in its place; and one of each talking with the other.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { buildBundles } from './bundle.ts';
import { Chromium, skip, type Page } from './chromium.ts';
import { startNodeRelay, type NodeRelay } from './node-relay.ts';
import { blank, serveSite, type Site } from './serve.ts';

const { resolve } = createRequire(import.meta.url);
const npm = (name: string): string => readFileSync(resolve(`gun/${name}`), 'utf8');
const scripts = { gun: ['/gun.js', '/sea.js'], ours: ['/pangea-gun.min.js'] } as const;

let site: Site;
let relay: NodeRelay;
let browser: Chromium;

before(async () => {
  if (skip) return;
  relay = await startNodeRelay();
  const page = (library: keyof typeof scripts): string => `${blank}${scripts[library].map((script) => `<script src="${script}"></script>`).join('')}<script>
    gun = Gun(['${relay.url}']); seen = {};
    hear = (name, chain) => { seen[name] = []; chain.on((data, key) => seen[name].push(data)); };
    put = (chain, data) => new Promise((done) => chain.put(data, (ack) => done(ack.err ? { err: String(ack.err) } : { ok: !!ack.ok })));
    once = (chain, wait) => new Promise((done) => chain.once((data) => done(data), { wait: wait || 500 }));
  </script>`;
  site = await serveSite({
    '/gun': page('gun'), '/ours': page('ours'),
    '/gun.js': npm('gun.js'), '/sea.js': npm('sea.js'), '/pangea-gun.min.js': (await buildBundles()).files['pangea-gun.min.js'] ?? '',
  });
  browser = await Chromium.launch();
}, { timeout: 60_000 });

after(async () => {
  if (skip) return;
  await browser.close();
  await site.close();
  await relay.close();
});

for (const [first, second] of [['gun', 'gun'], ['ours', 'ours'], ['gun', 'ours']] as const) {
  const run = `${first} ${second}`;
  let ada: Page;
  let bob: Page;
  const check = (title: string, act: () => void | Promise<void>): void => void test(`${first} with ${second}: ${title}`, { skip, timeout: 60_000 }, act);

  check('the pages open', async () => {
    [ada, bob] = await Promise.all([browser.open(`${site.origin}/${first}`), browser.open(`${site.origin}/${second}`)]);
  });

  check('put is acknowledged, and the other page hears of it, both ways', async () => {
    assert.deepEqual(await ada.run(`put(gun.get('talk ${run}').get('topic'), 'hello')`), { ok: true });
    await bob.run(`hear('topic', gun.get('talk ${run}').get('topic'))`);
    await bob.until(`seen.topic.includes('hello')`);
    await ada.run(`hear('topic', gun.get('talk ${run}').get('topic'))`);
    assert.deepEqual(await bob.run(`put(gun.get('talk ${run}').get('topic'), 'again')`), { ok: true });
    await ada.until(`seen.topic.at(-1) === 'again'`);
  });

  check('once reads what another page wrote, and nothing where nothing is', async () => {
    assert.deepEqual(await ada.run(`put(gun.get('facts ${run}'), { text: 'a', number: 1.5, yes: true, gone: null })`), { ok: true });
    const { _: meta, ...facts } = await bob.run<Record<string, unknown>>(`once(gun.get('facts ${run}'))`);
    assert.deepEqual(facts, { text: 'a', number: 1.5, yes: true, gone: null });
    assert.equal((meta as { '#': string })['#'], `facts ${run}`);
    assert.equal(await bob.run(`once(gun.get('nothing here ${run}')).then((data) => String(data))`), 'undefined');
  });

  check('nested objects become linked nodes that the other page walks', async () => {
    assert.deepEqual(await ada.run(`put(gun.get('company ${run}'), { name: 'Pangea', boss: { name: 'Ada', desk: { floor: 3 } } })`), { ok: true });
    assert.equal(await bob.run(`once(gun.get('company ${run}').get('boss').get('desk').get('floor'))`), 3);
    await bob.run(`put(gun.get('company ${run}').get('boss').get('desk').get('floor'), 4)`);
    await ada.until(`once(gun.get('company ${run}').get('boss').get('desk').get('floor'), 50).then((floor) => floor === 4)`);
  });

  check('a set that grows on both pages is mapped whole on both', async () => {
    await bob.run(`seen.items = {}; void gun.get('list ${run}').map().on((item, key) => { seen.items[item.text] = key; })`);
    await ada.run(`seen.items = {}; void gun.get('list ${run}').map().on((item, key) => { seen.items[item.text] = key; })`);
    for (let at = 0; at < 5; at++) await (at % 2 ? ada : bob).run(`void gun.get('list ${run}').set({ text: 'item ${at}' })`);
    for (const page of [ada, bob]) await page.until(`Object.keys(seen.items).sort().join() === 'item 0,item 1,item 2,item 3,item 4'`);
  });

  check('a user made on one page logs in on another, and only with the password', async () => {
    const created = await ada.run<{ pub: string; err?: string }>(`new Promise((done) => gun.user().create('ada ${run}', 'correct horse', (ack) => done({ pub: ack.pub, err: ack.err })))`);
    assert.equal(created.err, undefined);
    assert.match(created.pub, /^[\w-]{43}\.[\w-]{43}$/);
    assert.equal(await ada.run(`new Promise((done) => gun.user().auth('ada ${run}', 'correct horse', (ack) => done(ack.err || 'in')))`), 'in');
    assert.deepEqual(await ada.run(`put(gun.user().get('profile').get('motto'), 'signed')`), { ok: true });
    assert.equal(await bob.run(`once(gun.user('${created.pub}').get('profile').get('motto'))`), 'signed');
    assert.match(await bob.run<string>(`new Promise((done) => gun.user().auth('ada ${run}', 'wrong horse', (ack) => done(ack.err || 'in')))`), /Wrong user or password/);
    assert.equal(await bob.run(`new Promise((done) => gun.user().auth('ada ${run}', 'correct horse', (ack) => done(ack.err || ack.sea.pub)))`), created.pub);
  });

  check('what a stranger writes into a user\'s graph reaches nobody', async () => {
    const page = await browser.open(`${site.origin}/${first}`);
    const pub = await page.run<string>(`new Promise((done) => gun.user().create('eve target ${run}', 'correct horse', (ack) => done(ack.pub)))`);
    await page.run(`new Promise((done) => gun.user().auth('eve target ${run}', 'correct horse', done)).then(() => put(gun.user().get('word'), 'mine'))`);
    await bob.run(`new Promise((done) => { const wire = new WebSocket('${relay.url}'.replace('http', 'ws')); wire.onopen = () => {
      wire.send(JSON.stringify({ '#': 'forged ${run}', put: { '~${pub}': { _: { '#': '~${pub}', '>': { word: Date.now() } }, word: 'forged' } } })); setTimeout(done, 300); }; })`);
    assert.equal(await ada.run(`once(gun.user('${pub}').get('word'))`), 'mine');
    await page.close();
  });

  check('pages go on after the node was killed and started again, and nothing acknowledged is gone', async () => {
    await relay.killAndRestart();
    // gun.js tries to connect once more, two seconds after the loss, and then never again.
    if (first === 'gun') await ada.reload();
    if (second === 'gun') await bob.reload();
    const reader = await browser.open(`${site.origin}/${second}`);
    await reader.until(`once(gun.get('talk ${run}').get('topic')).then((topic) => topic === 'again')`);
    await reader.close();
    await bob.run(`hear('after', gun.get('after ${run}').get('back'))`);
    await ada.run(`put(gun.get('after ${run}'), { back: 1 })`);
    await bob.until(`seen.after.includes(1)`);
  });

  check('neither page saw an error', () => {
    assert.deepEqual([...ada.errors, ...bob.errors], []);
  });

  check('the pages close', async () => {
    await Promise.all([ada.close(), bob.close()]);
  });
}

test('who logged in with gun.js still is when the page changes to ours, and when that is loaded again', { skip, timeout: 60_000 }, async (t) => {
  const page = await browser.open(`${site.origin}/gun`);
  t.after(() => page.close());
  const recall = `(gun.user().recall({ sessionStorage: true }), gun.user().is ? gun.user().is.pub : null)`;
  await page.until('globalThis.gun !== undefined');
  assert.equal(await page.run(recall), null);
  const pub = await page.run<string>(`SEA.pair().then((pair) => { gun.user().auth(pair); return pair.pub; })`);
  await page.until('sessionStorage.pair !== undefined');
  await page.go(`${site.origin}/ours`);
  await page.until('globalThis.gun !== undefined');
  assert.equal(await page.run(recall), pub);
  await page.reload();
  await page.until('globalThis.gun !== undefined');
  assert.equal(await page.run(recall), pub);
  await page.run('(gun.user().leave(), 0)');
  await page.reload();
  await page.until('globalThis.gun !== undefined');
  assert.equal(await page.run(recall), null);
});
