/** Notes under a user's own key: signed, so that nobody else can change them, and encrypted, so that nobody else can read them. */
import { isPangeaError, openGraph, webSessionStore, type Identity, type Pair } from '../../../src/graph/web.ts';

const graph = openGraph({ peers: [location.origin], sea: { session: webSessionStore(sessionStorage) } });
const { session, sea } = graph;

const door = element<HTMLFormElement>('door');
const notebook = element('notebook');
const text = element<HTMLTextAreaElement>('text');

/** Who was logged in before the page was loaded again still is. */
const recalled = session.recall();
if (recalled) enter(recalled);

door.addEventListener('submit', (event) => {
  event.preventDefault();
  const alias = element<HTMLInputElement>('alias').value;
  const password = element<HTMLInputElement>('password').value;
  element('problem').textContent = '';
  const creates = (event.submitter as HTMLButtonElement).value === 'create';
  (creates ? session.create(alias, password) : session.auth(alias, password)).then(
    enter,
    (error: unknown) => (element('problem').textContent = isPangeaError(error) ? error.message : String(error)),
  );
});

element('pen').addEventListener('submit', (event) => {
  event.preventDefault();
  const said = text.value;
  text.value = '';
  void keep(said);
});

element('leave').addEventListener('click', () => {
  graph.off();
  session.leave();
  element('notes').replaceChildren();
  element('who').textContent = '';
  door.hidden = false;
  notebook.hidden = true;
});

function enter({ pub }: Identity): void {
  const pair = session.pair as Pair;
  door.reset();
  door.hidden = true;
  notebook.hidden = false;
  graph.user(pub).get('alias').on((alias) => (element('who').textContent = `${alias}, ${pub.slice(0, 8)}…`));
  // One after the other, so that what was removed does not come back.
  let shown = Promise.resolve();
  graph.user(pub).get('notes').map().on((sealed: unknown, key: string) => {
    shown = shown.then(() => show(key, sealed, pair));
  });
}

/** The key of a note is its time, so that they stay in order. */
async function keep(said: string): Promise<void> {
  // In an object: text alone comes back as what it looks like, "123" as a number.
  const sealed = await sea.encrypt({ said }, session.pair ?? null);
  await graph.user().get('notes').get(new Date().toISOString()).put(sealed);
}

async function show(key: string, sealed: unknown, pair: Pair): Promise<void> {
  const opened = sealed === null ? undefined : ((await sea.decrypt(sealed, pair)) as { readonly said?: unknown } | undefined);
  const id = `note ${key}`;
  const known = document.getElementById(id);
  if (typeof opened?.said !== 'string') return known?.remove();
  const line = known ?? document.createElement('li');
  line.id = id;

  const said = document.createElement('pre');
  said.textContent = opened.said;

  const row = document.createElement('div');
  row.className = 'row';
  const time = document.createElement('span');
  time.className = 'soft grow';
  time.textContent = new Date(key).toLocaleString();
  const remove = document.createElement('button');
  remove.className = 'plain';
  remove.textContent = 'Remove';
  remove.addEventListener('click', () => graph.user().get('notes').get(key).put(null));
  row.append(time, remove);

  const others = document.createElement('details');
  const summary = document.createElement('summary');
  summary.textContent = 'What the node keeps';
  const cipher = document.createElement('code');
  cipher.textContent = typeof sealed === 'string' ? sealed : JSON.stringify(sealed);
  others.append(summary, cipher);

  line.replaceChildren(said, row, others);
  const list = element('notes');
  if (!known) list.insertBefore(line, [...list.children].find((other) => other.id < id) ?? null);
}

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}
