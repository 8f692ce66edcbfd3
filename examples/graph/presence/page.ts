/** Everybody writes one node about themselves, and shows those of the others as long as they are fresh. */
import { openGraph, type SetOf } from '../../../src/graph/web.ts';

interface Person {
  readonly name: string;
  readonly colour: string;
  /** Where the pointer is, in thousandths of the field. */
  readonly x: number;
  readonly y: number;
  /** Counts up with every sign of life: clocks of other machines are not to be trusted. */
  readonly beat: number;
}

interface Schema {
  readonly 'example/presence': SetOf<Person>;
}

const graph = openGraph<Schema>({ peers: [location.origin] });
const people = graph.get('example/presence');
const key = crypto.randomUUID();

const beatMs = 3_000;
const goneMs = 10_000;
/** Positions are sent so often at most; the last one always. */
const moveMs = 50;

const field = element('field');
const name = element<HTMLInputElement>('name');
const seen = new Map<string, { person: Person; at: number }>();
const pointers = new Map<string, HTMLElement>();
name.value = sessionStorage.getItem('name') ?? `Guest ${Math.floor(Math.random() * 900 + 100)}`;

let own: Person = { name: name.value, colour: `hsl(${Math.floor(Math.random() * 360)} 70% 50%)`, x: 500, y: 500, beat: 0 };
let sending: ReturnType<typeof setTimeout> | undefined;

people.map().on((person, who) => {
  if (person === null) seen.delete(who);
  else if (isPerson(person) && seen.get(who)?.person.beat !== person.beat) seen.set(who, { person, at: performance.now() });
  draw();
});

say({});
setInterval(() => say({}), beatMs);
setInterval(draw, 1_000);
field.addEventListener('pointermove', ({ clientX, clientY }) => {
  const { left, top, width, height } = field.getBoundingClientRect();
  say({ x: Math.round(((clientX - left) / width) * 1_000), y: Math.round(((clientY - top) / height) * 1_000) });
});
name.addEventListener('input', () => {
  sessionStorage.setItem('name', name.value);
  say({ name: name.value });
});
// Null takes a person away at once; who cannot say it is gone after a while.
addEventListener('pagehide', () => void people.get(key).put(null));
addEventListener('pageshow', () => say({}));

function say(change: Partial<Person>): void {
  own = { ...own, ...change, beat: own.beat + 1 };
  sending ??= setTimeout(() => {
    sending = undefined;
    people.get(key).put(own);
  }, moveMs);
}

function draw(): void {
  const now = performance.now();
  for (const [who, { at }] of seen) if (now - at > goneMs) seen.delete(who);
  const here = [...seen].sort(([a], [b]) => (a < b ? -1 : 1));
  element('people').replaceChildren(...here.map(([who, { person }]) => {
    const line = document.createElement('li');
    line.style.setProperty('--colour', person.colour);
    line.textContent = who === key ? `${person.name} (you)` : person.name;
    return line;
  }));
  for (const [who, pointer] of pointers) {
    if (seen.has(who)) continue;
    pointer.remove();
    pointers.delete(who);
  }
  for (const [who, { person }] of here) {
    if (who === key) continue;
    const pointer = pointers.get(who) ?? field.appendChild(document.createElement('div'));
    pointers.set(who, pointer);
    pointer.className = 'pointer';
    pointer.textContent = person.name;
    pointer.style.setProperty('--colour', person.colour);
    pointer.style.left = `${person.x / 10}%`;
    pointer.style.top = `${person.y / 10}%`;
  }
}

/** What others wrote may be anything. A colour goes into a style, so only its own form passes. */
function isPerson(data: Readonly<Record<string, unknown>>): data is Readonly<Record<string, unknown>> & Person {
  const { name: called, colour, x, y, beat } = data;
  return typeof called === 'string' && typeof colour === 'string' && /^hsl\(\d+ 70% 50%\)$/.test(colour) && [x, y, beat].every(Number.isFinite);
}

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}
