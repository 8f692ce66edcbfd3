/**
 * Messages that must change nothing: each kind breaks a rule of DAM, of HAM or of the guard, asks for what is not there, or loses
 * against what is known. Seeded, so that a run can be had again. What is merely unwanted (any program may write to an open soul) is not in it.
 */
import type { Random } from '../../../src/std/std.ts';

export interface Garbage {
  readonly kind: string;
  readonly frame: string | Uint8Array;
}

/** Souls with `fields` that the graph has before, with states above `oldState`. */
export interface Known {
  readonly souls: readonly string[];
  readonly oldState: number;
  /** Milliseconds since 1970 at which the run began. */
  readonly nowMs: number;
}

type Make = (random: Random, known: Known, id: string) => string | Uint8Array;

const json = (value: unknown): string => JSON.stringify(value);
const graph = (soul: string, fields: Readonly<Record<string, unknown>>, state: unknown = 1): unknown =>
  ({ [soul]: { _: { '#': soul, '>': Object.fromEntries(Object.keys(fields).map((key) => [key, state])) }, ...fields } });
const put = (id: string, nodes: unknown): string => json({ '#': id, put: nodes });
const word = (random: Random): string => random.integer(2 ** 32).toString(36);
const pick = <T>(random: Random, from: readonly T[]): T => from[random.integer(from.length)] as T;
const hexBytes = (random: Random, count: number): string => Buffer.from(random.bytes(count)).toString('base64url');
const pub = (random: Random): string => `${hexBytes(random, 32)}.${hexBytes(random, 32)}`;
const verbs = ['constructor', 'd', 'one', 'toString', '__proto__', 'hasOwnProperty', 'valueOf', 'on', 'hear', 'say', 'mob', 'rtc', 'bye', 'shell', ''];

const often: Readonly<Record<string, Make>> = {
  'cut JSON': (random, _, id) => json({ '#': id, put: graph(word(random), { a: 1 }) }).slice(0, 5 + random.integer(30)),
  'noise': (random) => Buffer.from(random.bytes(1 + random.integer(200))).toString('latin1'),
  'binary': (random) => random.bytes(1 + random.integer(100)),
  'lone brackets': () => '[{"#":"q"',
  'deep arrays': (random) => { const depth = 50 + random.integer(2000); return '['.repeat(depth) + ']'.repeat(depth); },
  'deep object': (random, _, id) => { const depth = 20 + random.integer(500); return `{"#":"${id}","get":${'{"#":'.repeat(depth)}1${'}'.repeat(depth)}}`; },
  'prototype as soul': (_random, _known, id) => `{"#":"${id}","put":{"__proto__":{"_":{"#":"__proto__",">":{"polluted":1}},"polluted":1}}}`,
  'prototype as key': (_random, _known, id) => `{"#":"${id}","put":{"x":{"_":{"#":"x",">":{"__proto__":1}},"__proto__":{"polluted":1}}}}`,
  'prototype of the message': (random, _, id) => `{"__proto__":{"put":{}},"constructor":1,"#":"${id}","dam":"${pick(random, verbs)}"}`,
  'names of Object': (random, _, id) => put(id, graph(pick(random, ['constructor', 'toString', 'hasOwnProperty']), { a: 1 })),
  'verbs': (random, _, id) => json({ '#': id, dam: random.integer(2) === 0 ? pick(random, verbs) : word(random) }),
  'verbs that ask to dial': (random, _, id) => json({ '#': id, dam: pick(random, ['opt', 'mob']), opt: { peers: 'http://192.0.2.1:9/gun' }, peers: { 'http://192.0.2.1:9/gun': {} }, mob: 1 }),
  'list as value': (random, known, id) => put(id, graph(pick(random, known.souls), { a: [1, 2, 3] }, known.nowMs)),
  'object as value': (random, known, id) => put(id, graph(pick(random, known.souls), { a: { b: 1 } }, known.nowMs)),
  'link with more': (random, known, id) => put(id, graph(pick(random, known.souls), { a: { '#': 'x', y: 1 } }, known.nowMs)),
  'empty link': (random, known, id) => put(id, graph(pick(random, known.souls), { a: { '#': '' } }, known.nowMs)),
  'number without end': (random, known, id) => `{"#":"${id}","put":{${json(pick(random, known.souls))}:{"_":{"#":${json(pick(random, known.souls))},">":{"a":1e999}},"a":1}}}`,
  'state that is none': (random, known, id) => put(id, graph(pick(random, known.souls), { a: 1 }, pick(random, [null, 'abc', '1700', {}, [], true]))),
  'far future': (random, known, id) => put(id, graph(pick(random, known.souls), { a: word(random) }, pick(random, [known.nowMs + 3 * 86_400_000, 1e300, 1.7e308]))),
  'old state': (random, known, id) => put(id, graph(pick(random, known.souls), { name: word(random), n: random.integer(100) }, known.oldState - 1 - random.integer(1e6))),
  'soul of another': (random, known, id) => json({ '#': id, put: { [pick(random, known.souls)]: { _: { '#': word(random), '>': { a: known.nowMs } }, a: 1 } } }),
  'no metadata': (random, known, id) => json({ '#': id, put: { [pick(random, known.souls)]: { a: word(random) } } }),
  'put that is none': (random, _, id) => json({ '#': id, put: pick(random, [1, 'x', true, [], [1], { a: 1 }, { a: null }, { a: [] }]) }),
  'unsigned to a user': (random, known, id) => put(id, graph(`~${pub(random)}`, { name: 'mallory' }, known.nowMs)),
  'forged signature': (random, known, id) => put(id, graph(`~${pub(random)}`, { name: json({ ':': 'x', '~': hexBytes(random, 64) }) }, known.nowMs)),
  'forged certificate': (random, known, id) =>
    put(id, graph(`~${pub(random)}/inbox`, { m: json({ ':': 'x', '~': hexBytes(random, 64), '+': `SEA{"m":{"c":"*"},"s":"${hexBytes(random, 64)}"}`, '*': pub(random) }) }, known.nowMs)),
  'alias that lies': (random, known, id) => put(id, graph('~@alice', { [`~${pub(random)}`]: { '#': `~${pub(random)}` } }, known.nowMs)),
  'content that is another': (random, known, id) => put(id, graph('#', { [Buffer.from(random.bytes(32)).toString('base64')]: word(random) }, known.nowMs)),
  'one id again': (random, known) => json({ '#': 'again', get: { '#': pick(random, known.souls) } }),
  'questions for nothing': (random, _, id) => json({ '#': id, get: { '#': `nothing/${word(random)}` } }),
  'questions for fields': (random, _, id) => json({ '#': id, get: { '#': `nothing/${random.integer(5)}`, '.': word(random) } }),
  'ranges': (random, _, id) => json({ '#': id, get: { '#': { '*': word(random) }, '.': { '>': '', '%': 1e12 } } }),
  'lexes that are none': (random, _, id) => json({ '#': id, get: pick(random, [1, [], { '#': [] }, { '#': { '*': {} } }, { '.': 1 }, { '#': '', '.': '' }, { '#': null }]) }),
  'acks of nothing': (random, _, id) => json({ '#': id, '@': word(random), ok: pick(random, [1, true, { '@': 1e9, '/': -1 }, 'yes']), err: pick(random, [undefined, 'x', 1, {}]) }),
  'answers that are none': (random, known, id) => json({ '#': id, '@': word(random), put: graph(pick(random, known.souls), { a: [] }, known.nowMs) }),
  'ids that are none': (random) => json({ '#': pick<unknown>(random, [1, null, {}, [], '', 'x'.repeat(1000)]), get: { '#': 'x' } }),
  'peers without end': (random, _, id) => json({ '#': id, '><': `${word(random)},`.repeat(500), get: { '#': word(random) } }),
  'batch of nothing': (random) => json(Array.from({ length: random.integer(50) }, () => pick<unknown>(random, [1, null, 'x', [], true, {}, [[]]]))),
  'extension of ours': (random, _, id) => json({ '#': id, dam: 'pangea', v: pick<unknown>(random, [1, 2, 'x', null]), op: word(random), body: pick<unknown>(random, [null, [], {}, 'x', { roots: [1, 2] }, { buckets: { length: 1e9 } }]) }),
  'chunks of nothing': (random, known, id) => json({ '#': id, '@': word(random), '%': word(random), '##': random.integer(2 ** 31), put: graph(pick(random, known.souls), { a: {} }, known.nowMs) }),
};

/** Some MiB each: they come once in some thousands. */
const seldom: Readonly<Record<string, Make>> = {
  'frame too large': () => json({ '#': 'big', get: { '#': 'x'.repeat(6 * 1024 * 1024) } }),
  'soul too long': (random, known, id) => put(id, graph('s'.repeat(100_000 + random.integer(1000)), { a: 1 }, known.nowMs)),
  'key too long': (random, known, id) => put(id, graph(pick(random, known.souls), { ['k'.repeat(100_000)]: 1 }, known.nowMs)),
  'too many nodes': (_random, known, id) => put(id, Object.assign({}, ...Array.from({ length: 20_001 }, (_, n) => graph(`many/${n}`, { a: 1 }, known.nowMs)))),
  'batch without end': () => `[${'{},'.repeat(100_000)}{}]`,
  'white space': () => ' '.repeat(3 * 1024 * 1024),
};

const oftenKinds = Object.entries(often);
const seldomKinds = Object.entries(seldom);
export const garbageKinds = [...oftenKinds, ...seldomKinds].map(([kind]) => kind);

/** `n`: number of the message, for its id. */
export function garbage(random: Random, known: Known, n: number): Garbage {
  const [kind, make] = random.integer(5_000) === 0 ? pick(random, seldomKinds) : pick(random, oftenKinds);
  return { kind, frame: make(random, known, `f${n.toString(36)}${word(random)}`) };
}
