/** A room is a set of messages. Whoever opens it hears what is there and what comes. */
import { openGraph, type SetOf } from '../../../src/graph/web.ts';

interface Message {
  readonly from: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

interface Schema {
  readonly 'example/chat': Readonly<Record<string, SetOf<Message>>>;
}

const room = new URLSearchParams(location.search).get('room') ?? 'lobby';
const graph = openGraph<Schema>({ peers: [location.origin] });
const messages = graph.get('example/chat').get(room);

const list = element('messages');
const name = element<HTMLInputElement>('name');
const text = element<HTMLInputElement>('text');
element('room').textContent = room;
name.value = localStorage.getItem('name') ?? '';

messages.map().on((message, key) => {
  // Anybody can write here: what is no whole message is left out.
  const { from, text: said, at } = message ?? {};
  if (typeof from === 'string' && typeof said === 'string' && typeof at === 'number') show(key, { from, text: said, at });
});

element('state').textContent = 'connecting …';
graph.peer.onPeer(() => {
  element('state').textContent = graph.peer.mesh.peers().length > 0 ? 'connected' : 'offline: what you write is sent later';
});

document.querySelector('form')?.addEventListener('submit', (event) => {
  event.preventDefault();
  localStorage.setItem('name', name.value);
  messages.set({ from: name.value, text: text.value, at: Date.now() });
  text.value = '';
});

/** In the order of their times, whatever the order in which they come. */
function show(key: string, { from, text: said, at }: Message): void {
  // Anybody chooses keys: as ids they must not be those of this page's own elements.
  const id = `message ${key}`;
  const known = document.getElementById(id);
  const line = known ?? document.createElement('p');
  line.id = id;
  line.dataset['at'] = String(at);
  line.className = from === name.value ? 'own' : '';
  const head = document.createElement('small');
  head.textContent = `${from}, ${new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}`;
  line.replaceChildren(head, said);
  if (known) return;
  const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 40;
  const later = [...list.children].find((other) => Number((other as HTMLElement).dataset['at']) > at);
  list.insertBefore(line, later ?? null);
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}
