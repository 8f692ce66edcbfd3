/** Tasks in this browser's own database: the page works without the node, and they meet when it is there. */
import { openGraph, openIndexedDbStore, type SetOf } from '../../../src/graph/web.ts';

interface Task {
  readonly title: string;
  readonly done: boolean;
  /** Milliseconds since 1970. */
  readonly made: number;
}

interface Schema {
  readonly 'example/todo': SetOf<Task>;
}

const graph = openGraph<Schema>({ peers: [location.origin], store: await openIndexedDbStore('example-todo') });
const tasks = graph.get('example/todo');

const list = element('tasks');
const title = element<HTMLInputElement>('title');

// Called for what is there and for every change of it, made here or elsewhere; null once it was removed.
tasks.map().on((task, key) => {
  if (task === null) document.getElementById(idOf(key))?.remove();
  else if (typeof task.title === 'string' && typeof task.made === 'number') show(key, { title: task.title, done: task.done === true, made: task.made });
  const left = list.querySelectorAll('li:not(.done)').length;
  element('left').textContent = left === 1 ? '1 thing left' : `${left} things left`;
});

element('state').textContent = 'offline';
graph.peer.onPeer(() => {
  element('state').textContent = graph.peer.mesh.peers().length > 0 ? 'in step with the node' : 'offline: kept here, sent later';
});

document.querySelector('form')?.addEventListener('submit', (event) => {
  event.preventDefault();
  tasks.set({ title: title.value, done: false, made: Date.now() });
  title.value = '';
});

/** Anybody chooses keys: as ids they must not be those of this page's own elements. */
function idOf(key: string): string {
  return `task ${key}`;
}

function show(key: string, task: Task): void {
  const known = document.getElementById(idOf(key));
  const line = known ?? document.createElement('li');
  line.id = idOf(key);
  line.dataset['made'] = String(task.made);
  line.className = task.done ? 'row done' : 'row';

  const done = document.createElement('input');
  done.type = 'checkbox';
  done.checked = task.done;
  done.ariaLabel = `Done: ${task.title}`;
  done.addEventListener('change', () => tasks.get(key).get('done').put(done.checked));

  const text = document.createElement('span');
  text.className = 'title grow';
  text.textContent = task.title;

  const remove = document.createElement('button');
  remove.className = 'plain';
  remove.textContent = 'Remove';
  remove.addEventListener('click', () => tasks.get(key).put(null));

  line.replaceChildren(done, text, remove);
  if (!known) list.insertBefore(line, [...list.children].find((other) => Number((other as HTMLElement).dataset['made']) > task.made) ?? null);
}

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}
