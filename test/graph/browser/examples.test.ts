/** The examples as a person uses them: keys pressed and buttons clicked in pages of their own. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serveExamples, type Examples } from '../../../examples/graph/serve.ts';
import { Chromium, skip, type Page } from './chromium.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

let directory: string;
let examples: Examples;
let browser: Chromium;

before(async () => {
  if (skip) return;
  directory = await mkdtemp(join(tmpdir(), 'pangea-graph-examples-'));
  examples = await serveExamples(0, directory);
  browser = await Chromium.launch();
}, { timeout: 60_000 });

after(async () => {
  if (skip) return;
  await browser.close();
  await examples.close();
  await rm(directory, { recursive: true });
});

const options = { skip, timeout: 60_000 };

async function open(t: TestContext, name: string): Promise<Page> {
  const page = await browser.open(`${examples.origin}/examples/graph/${name}/page.html`);
  t.after(() => page.close());
  return page;
}

const text = (page: Page, selector: string, wanted: string): Promise<unknown> => page.until(`document.querySelector('${selector}')?.innerText.includes(${JSON.stringify(wanted)})`);

test('examples are typed against the chain', { timeout: 120_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [path('node_modules/typescript/bin/tsc'), '-p', path('examples/graph')]).catch((error: { stdout: string }) => error);
  assert.equal(stdout, '');
});

test('chat: two pages and a terminal hear each other, in order, own messages marked', options, async (t) => {
  const [ada, bob] = [await open(t, 'chat'), await open(t, 'chat')];
  await ada.type('#name', 'Ada');
  await ada.type('#text', 'Hello <b>Bob</b>');
  await ada.press('Enter');
  await text(bob, '#messages', 'Hello <b>Bob</b>');
  const terminal = spawn(process.execPath, [path('examples/graph/chat/terminal.ts'), 'Cleo', examples.origin], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => terminal.kill('SIGKILL'));
  let printed = '';
  terminal.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => terminal.on('close', resolve));
  while (!printed.includes('Ada: Hello <b>Bob</b>')) await new Promise((resolve) => setTimeout(resolve, 20));
  terminal.stdin.end('from a terminal\n');
  await text(ada, '#messages', 'from a terminal');
  assert.equal(await ended, 0);
  await bob.type('#name', 'Bob');
  await bob.type('#text', 'Hi all');
  await bob.press('Enter');
  await text(ada, '#messages', 'Hi all');
  assert.deepEqual(await ada.run(`[...document.querySelectorAll('#messages p')].map((line) => [line.className, line.lastChild.textContent])`), [['own', 'Hello <b>Bob</b>'], ['', 'from a terminal'], ['', 'Hi all']]);
  const { graph } = examples;
  await graph.get('example/chat').get('lobby').get('messages').put({ from: 'Eve', text: 'a key of the page', at: Date.now() });
  await text(ada, '#messages', 'a key of the page');
  assert.equal(await ada.run(`document.querySelectorAll('#messages p').length`), 4);
  assert.deepEqual([...ada.errors, ...bob.errors], []);
});

test('to-do: tasks are shared, ticked and removed, and outlive a reload', options, async (t) => {
  const [ada, bob] = [await open(t, 'todo'), await open(t, 'todo')];
  for (const title of ['Milk', 'Bread']) {
    await ada.type('#title', title);
    await ada.press('Enter');
  }
  await text(bob, '#tasks', 'Bread');
  await bob.click('#tasks li:first-child input');
  await ada.until(`document.querySelector('#tasks li.done .title')?.textContent === 'Milk'`);
  await text(ada, '#left', '1 thing left');
  await ada.click('#tasks li:nth-child(2) button');
  await bob.until(`document.querySelectorAll('#tasks li').length === 1`);
  const stored = await ada.run<string>(`document.querySelector('#state').textContent`);
  assert.equal(stored, 'in step with the node');
  await ada.reload();
  await ada.until(`document.querySelector('#tasks li.done .title')?.textContent === 'Milk'`);
  assert.deepEqual([...ada.errors, ...bob.errors], []);
});

test('presence: people come, point, change their name and go', options, async (t) => {
  const ada = await open(t, 'presence');
  const bob = await browser.open(`${examples.origin}/examples/graph/presence/page.html`);
  await ada.until(`document.querySelectorAll('#people li').length === 2`);
  await bob.run(`document.querySelector('#name').value = 'Bob'; document.querySelector('#name').dispatchEvent(new Event('input'))`);
  await text(ada, '#people', 'Bob');
  await bob.run(`(() => { const field = document.querySelector('#field'); const { left, top, width, height } = field.getBoundingClientRect();
    field.dispatchEvent(new PointerEvent('pointermove', { clientX: left + width / 4, clientY: top + height / 2 })); })()`);
  await ada.until(`document.querySelector('.pointer')?.style.left === '25%' && document.querySelector('.pointer').style.top === '50%'`);
  await bob.go('about:blank');
  await ada.until(`document.querySelectorAll('#people li').length === 1`);
  await bob.close();
  assert.deepEqual(ada.errors, []);
});

test('notes: what one browser writes the same user reads in another, and the relay cannot', options, async (t) => {
  const [ada, elsewhere] = [await open(t, 'notes'), await open(t, 'notes')];
  const enter = async (page: Page, password: string, button: string): Promise<void> => {
    await page.run(`document.querySelector('#door').reset()`);
    await page.type('#alias', 'Ada');
    await page.type('#password', password);
    await page.click(`#door [value=${button}]`);
  };
  await enter(ada, 'correct horse', 'create');
  await text(ada, '#who', 'Ada');
  await ada.type('#text', '123');
  await ada.click('#pen .main');
  await text(ada, '#notes', '123');
  await ada.click('#notes button');
  await ada.until(`document.querySelectorAll('#notes li').length === 0`);
  await ada.type('#text', 'The safe is behind the picture.');
  await ada.click('#pen .main');
  await text(ada, '#notes', 'behind the picture');
  await enter(elsewhere, 'wrong horse!', 'enter');
  await text(elsewhere, '#problem', 'Wrong user or password.');
  await enter(elsewhere, 'correct horse', 'enter');
  await text(elsewhere, '#notes', 'behind the picture');
  const { peer } = examples.graph;
  let fields = 0;
  for await (const soul of peer.souls({ '*': '~' })) {
    for (const { value } of (await peer.load(soul))?.fields() ?? []) {
      fields++;
      assert.doesNotMatch(JSON.stringify(value), /picture|correct horse/);
    }
  }
  assert.ok(fields > 4, `${fields} fields of users`);
  await elsewhere.click('#notes button');
  await ada.until(`document.querySelectorAll('#notes li').length === 0`);
  await ada.reload();
  await text(ada, '#who', 'Ada,');
  await ada.click('#leave');
  await ada.until(`!document.querySelector('#door').hidden`);
  await ada.reload();
  assert.equal(await ada.run(`document.querySelector('#notebook').hidden`), true);
  assert.deepEqual([...ada.errors, ...elsewhere.errors], []);
});
