/** Pages with the npm package `gun` as it comes, gun.js and sea.js, that know of us only the address. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Chromium, skip, type Page } from './chromium.ts';
import { openRelay, type Relay } from './relay.ts';
import { blank, serveSite, type Site } from './serve.ts';

const { resolve } = createRequire(import.meta.url);
const script = (name: string): string => readFileSync(resolve(`gun/${name}`), 'utf8');

let site: Site;
let relay: Relay;
let browser: Chromium;
let ada: Page;
let bob: Page;

/** Two people's pages, each with a `gun` on our node. */
before(async () => {
  if (skip) return;
  relay = await openRelay();
  site = await serveSite({
    '/': `${blank}<script src="/gun.js"></script><script src="/sea.js"></script><script>
      gun = Gun(['${relay.url}']); seen = {};
      hear = (name, chain) => { seen[name] = []; chain.on((data, key) => seen[name].push(data)); };
      put = (chain, data) => new Promise((done) => chain.put(data, (ack) => done(ack.err ? { err: String(ack.err) } : { ok: !!ack.ok })));
      once = (chain, wait) => new Promise((done) => chain.once((data) => done(data), { wait: wait || 500 }));
    </script>`,
    '/gun.js': script('gun.js'),
    '/sea.js': script('sea.js'),
  });
  browser = await Chromium.launch();
  [ada, bob] = await Promise.all([browser.open(site.origin), browser.open(site.origin)]);
}, { timeout: 60_000 });

after(async () => {
  if (skip) return;
  await browser.close();
  await site.close();
  await relay.close();
});

const options = { skip, timeout: 60_000 };

test('put is acknowledged, and the other page hears of it, both ways', options, async () => {
  assert.deepEqual(await ada.run(`put(gun.get('talk').get('topic'), 'hello')`), { ok: true });
  await bob.run(`hear('topic', gun.get('talk').get('topic'))`);
  await bob.until(`seen.topic.includes('hello')`);
  await ada.run(`hear('topic', gun.get('talk').get('topic'))`);
  assert.deepEqual(await bob.run(`put(gun.get('talk').get('topic'), 'again')`), { ok: true });
  await ada.until(`seen.topic.at(-1) === 'again'`);
});

test('once reads what another page wrote, and nothing where nothing is', options, async () => {
  assert.deepEqual(await ada.run(`put(gun.get('facts'), { text: 'a', number: 1.5, yes: true, gone: null })`), { ok: true });
  const { _: meta, ...facts } = await bob.run<Record<string, unknown>>(`once(gun.get('facts'))`);
  assert.deepEqual(facts, { text: 'a', number: 1.5, yes: true, gone: null });
  assert.equal((meta as { '#': string })['#'], 'facts');
  assert.equal(await bob.run(`once(gun.get('nothing here')).then((data) => String(data))`), 'undefined');
});

test('nested objects become linked nodes that the other page walks', options, async () => {
  assert.deepEqual(await ada.run(`put(gun.get('company'), { name: 'Pangea', boss: { name: 'Ada', desk: { floor: 3 } } })`), { ok: true });
  assert.equal(await bob.run(`once(gun.get('company').get('boss').get('desk').get('floor'))`), 3);
  await bob.run(`put(gun.get('company').get('boss').get('desk').get('floor'), 4)`);
  await ada.until(`once(gun.get('company').get('boss').get('desk').get('floor'), 50).then((floor) => floor === 4)`);
});

test('a set that grows on both pages is mapped whole on both', options, async () => {
  await bob.run(`seen.items = {}; void gun.get('list').map().on((item, key) => { seen.items[item.text] = key; })`);
  await ada.run(`seen.items = {}; void gun.get('list').map().on((item, key) => { seen.items[item.text] = key; })`);
  for (let at = 0; at < 5; at++) await (at % 2 ? ada : bob).run(`void gun.get('list').set({ text: 'item ${at}' })`);
  for (const page of [ada, bob]) await page.until(`Object.keys(seen.items).sort().join() === 'item 0,item 1,item 2,item 3,item 4'`);
});

test('a user made on one page logs in on another, and only with the password', options, async () => {
  const created = await ada.run<{ pub: string; err?: string }>(`new Promise((done) => gun.user().create('ada', 'correct horse', (ack) => done({ pub: ack.pub, err: ack.err })))`);
  assert.equal(created.err, undefined);
  assert.match(created.pub, /^[\w-]{43}\.[\w-]{43}$/);
  assert.equal(await ada.run(`new Promise((done) => gun.user().auth('ada', 'correct horse', (ack) => done(ack.err || 'in')))`), 'in');
  assert.deepEqual(await ada.run(`put(gun.user().get('profile').get('motto'), 'signed')`), { ok: true });
  assert.equal(await bob.run(`once(gun.user('${created.pub}').get('profile').get('motto'))`), 'signed');
  assert.match(await bob.run<string>(`new Promise((done) => gun.user().auth('ada', 'wrong horse', (ack) => done(ack.err || 'in')))`), /Wrong user or password/);
  assert.equal(await bob.run(`new Promise((done) => gun.user().auth('ada', 'correct horse', (ack) => done(ack.err || ack.sea.pub)))`), created.pub);
});

test('what a stranger writes into a user\'s graph reaches nobody', options, async () => {
  const page = await browser.open(site.origin);
  const pub = await page.run<string>(`new Promise((done) => gun.user().create('eve target', 'correct horse', (ack) => done(ack.pub)))`);
  await page.run(`new Promise((done) => gun.user().auth('eve target', 'correct horse', done)).then(() => put(gun.user().get('word'), 'mine'))`);
  await bob.run(`new Promise((done) => { const wire = new WebSocket('${relay.url}'.replace('http', 'ws')); wire.onopen = () => {
    wire.send(JSON.stringify({ '#': 'forged1', put: { '~${pub}': { _: { '#': '~${pub}', '>': { word: Date.now() } }, word: 'forged' } } })); setTimeout(done, 300); }; })`);
  assert.equal(await ada.run(`once(gun.user('${pub}').get('word'))`), 'mine');
  await page.close();
});

test('pages go on after the node was away', options, async () => {
  await relay.stop();
  await relay.start();
  await ada.until(`put(gun.get('after'), { back: 1 }).then(({ ok }) => ok)`);
  await bob.until(`once(gun.get('after').get('back')).then((back) => back === 1)`);
});

test('neither page saw an error', options, () => {
  assert.deepEqual([...ada.errors, ...bob.errors], []);
});
