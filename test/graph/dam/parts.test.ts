/** Parts of the mesh that have rules of their own, against slow references. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeGraph } from '../../../src/graph/dam/encode.ts';
import { answerPieces, splitPut } from '../../../src/graph/dam/answers.ts';
import { Generations } from '../../../src/graph/dam/generations.ts';
import { parseJson } from '../../../src/std/json.ts';
import { defaultLimits } from '../../../src/graph/dam/limits.ts';
import { readQuery, writeQuery } from '../../../src/graph/dam/query.ts';
import { scan } from '../../../src/std/json-scan.ts';
import { Subscriptions } from '../../../src/graph/dam/subscriptions.ts';
import { Turns } from '../../../src/graph/dam/turns.ts';
import { checkGraph } from '../../../src/graph/data/check.ts';
import type { Delta, Query } from '../../../src/graph/data/types.ts';
import { seededRandom } from '../../../src/std/std.ts';
import { ManualClock } from '../../peers/manual-clock.ts';

const seeded = { seed: 11, numRuns: 300 };
const word = fc.oneof(fc.constantFrom('a', 'b', 'ab', 'constructor', '_x', '1', '10', '"', '\\', '\u2028', '\ud800'), fc.string({ minLength: 1, maxLength: 8 })).filter((text) => text !== '_' && text !== '__proto__');
const soulWord = word.filter((text) => !Object.hasOwn(Object.prototype, text) && text !== '\u0000pangea');
const value = fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0), fc.boolean(), fc.constant(null), soulWord.map((soul) => ({ '#': soul })));
const delta: fc.Arbitrary<Delta> = fc.record({
  soul: soulWord,
  fields: fc.uniqueArray(fc.record({ key: word, value, state: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }).map((state) => state + 0) }), { selector: ({ key }) => key, minLength: 1, maxLength: 30 }),
});
const deltas = fc.uniqueArray(delta, { selector: ({ soul }) => soul, minLength: 1, maxLength: 6 });

type Flat = Map<string, unknown>;
const flat = (all: Iterable<readonly Delta[]>): Flat => new Map([...all].flat().flatMap(({ soul, fields }) => fields.map(({ key, value: held, state }) => [JSON.stringify([soul, key]), [held, state]])));
const check = (text: string): readonly Delta[] => {
  const checked = checkGraph(parseJson(text, 16)?.value);
  assert.ok(checked.ok, JSON.stringify(checked));
  return checked.deltas;
};

test('what is written can be read, and is the same', () => {
  fc.assert(fc.property(deltas, (all) => {
    assert.deepEqual(flat([check(encodeGraph(all))]), flat([all]));
  }), seeded);
});

test('deltas of one soul are written as one node; names that gun.js cannot hold are left out', () => {
  const field = (key: string): Delta['fields'][number] => ({ key, value: 1, state: 1 });
  const text = encodeGraph([{ soul: 's', fields: [field('a')] }, { soul: 't', fields: [field('b')] }, { soul: 's', fields: [field('c')] }, { soul: '__proto__', fields: [field('x')] }, { soul: 't', fields: [field('__proto__')] }]);
  assert.deepEqual(JSON.parse(text), { s: { _: { '#': 's', '>': { a: 1, c: 1 } }, a: 1, c: 1 }, t: { _: { '#': 't', '>': { b: 1 } }, b: 1 } });
});

test('pieces of an answer, and parts of a put, hold all of it once and keep to their size', () => {
  fc.assert(fc.property(deltas, fc.integer({ min: 2, max: 12 }), fc.integer({ min: 50, max: 2000 }), (nodes, keys, chars) => {
    const pieces = [...answerPieces({ answers: 'q', nodes, keys, chars, known: undefined, random: seededRandom(1) })].map((text) => ({
      ...(parseJson(text, 16)?.value as { '#': string; '%'?: string }), text: /"put":(.*)}$/s.exec(text)?.[1] ?? '',
    }));
    const graphs = pieces.map(({ text }) => check(text));
    assert.deepEqual(flat(graphs), flat([nodes]));
    assert.deepEqual(pieces.slice(0, -1).map((piece) => piece['%']), pieces.slice(1).map((piece) => piece['#']));
    for (const graph of graphs) assert.ok(graph.reduce((sum, { fields }) => sum + fields.length, 0) <= keys);
    const parts = splitPut(nodes, chars);
    assert.deepEqual(flat(parts), flat([nodes]));
    for (const part of parts) if (part.length > 1 || (part[0]?.fields.length ?? 0) > 1) assert.ok(encodeGraph(part).length <= chars, encodeGraph(part));
  }), seeded);
});

test('queries that are written can be read, and nothing that is read throws', () => {
  const lex = fc.record({ '=': fc.string(), '*': fc.string(), '>': fc.string(), '<': fc.string(), '-': fc.constant(1 as const) }, { requiredKeys: [] });
  const query = fc.oneof(
    fc.record({ soul: word, key: fc.oneof(word, lex) }, { requiredKeys: ['soul'] }), fc.record({ soul: lex }),
    fc.record({ soul: word, key: fc.tuple(lex, fc.nat(1e6)).map(([each, bytes]) => ({ ...each, '%': bytes })) }),
  );
  fc.assert(fc.property(query, (asked) => {
    assert.deepEqual(readQuery(JSON.parse(writeQuery(asked as Query)), defaultLimits), JSON.parse(JSON.stringify(asked)));
  }), seeded);
  fc.assert(fc.property(fc.jsonValue(), (get) => void readQuery(get, defaultLimits)), seeded);
});

test('brackets and names with escapes are seen outside of strings only', () => {
  const depthOf = (each: unknown): number => (typeof each === 'object' && each !== null ? 1 + Math.max(0, ...Object.values(each).map(depthOf)) : 0);
  const escaped = (each: unknown): boolean => typeof each === 'object' && each !== null && Object.entries(each).some(([name, held]) => JSON.stringify(name).includes('\\') || escaped(held));
  const json = fc.jsonValue({ maxDepth: 6 });
  fc.assert(fc.property(json, fc.integer({ min: 0, max: 7 }), (each, limit) => {
    assert.equal(scan(JSON.stringify(each, undefined, limit), limit), depthOf(each) > limit ? 'deep' : escaped(each) ? 'escaped' : 'plain');
  }), seeded);
  fc.assert(fc.property(fc.string(), (text) => void scan(text, 3)), seeded);
});

test('text of peers is read as JSON.parse should read it, or refused where it is refused', () => {
  const pieces = fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '"\\n":', '"a":', '"x"', '1', '-0', '1e5', '01', '.5', 'true', 'nul', ' ', '\t', '\\', '\u0001', '"\\u00e9":', '"\\x":', '"__proto__":'), { maxLength: 12 }).map((all) => all.join(''));
  const refuses = (read: (text: string) => unknown) => (text: string): boolean => {
    try {
      read(text);
      return false;
    } catch (error) {
      assert.ok(error instanceof SyntaxError);
      return true;
    }
  };
  const [ours, theirs] = [refuses((text) => parseJson(text, 100)), refuses((text) => JSON.parse(text))];
  fc.assert(fc.property(fc.oneof(pieces, pieces.map((text) => `{"\\n":${text}}`)), (text) => {
    assert.equal(ours(text), theirs(text));
  }), { ...seeded, numRuns: 5000 });
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 5 }), (json) => {
    const whole = { 'with \n': json };
    // Prototypes apart.
    assert.equal(JSON.stringify(parseJson(JSON.stringify(whole), 100)?.value), JSON.stringify(whole));
  }), seeded);
  // The order of the two matters to `JSON.parse`.
  assert.deepEqual(Object.keys(parseJson('{"a":1,"x\\\\":1}', 9)?.value as object), ['a', 'x\\']);
  assert.deepEqual(Object.keys(parseJson('{"a":1,"x\\n":1}', 9)?.value as object), ['a', 'x\n']);
});

test('subscribers are told of what they asked for; beyond their limits of more, never of less', () => {
  const souls = fc.constantFrom('a', 'b', 'ab', 'c');
  const keys = fc.constantFrom('x', 'y', 'z', 'w');
  const query: fc.Arbitrary<Query> = fc.oneof(fc.record({ soul: souls }), fc.record({ soul: souls, key: keys }), fc.constantFrom({ soul: { '*': 'a' } }, { soul: { '=': 'c' } }));
  const step = fc.oneof({ weight: 6, arbitrary: fc.record({ who: fc.nat(3), ask: query }) }, { weight: 1, arbitrary: fc.record({ gone: fc.nat(3) }) });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom([1000, 1000, 1000], [4, 2, 1]), souls, keys, (steps, [subscriptions, keysPerSoul, lexes], soul, key) => {
    const index = new Subscriptions<number>({ ...defaultLimits, subscriptions: subscriptions as number, keysPerSoul: keysPerSoul as number, lexes: lexes as number });
    const asked = new Map<number, Query[]>();
    for (const each of steps) {
      if ('gone' in each) {
        index.remove(each.gone);
        asked.delete(each.gone);
      } else {
        index.add(each.who, each.ask);
        asked.set(each.who, [...(asked.get(each.who) ?? []), each.ask]);
      }
    }
    const wants = ({ soul: of, key: part }: Query): boolean =>
      (typeof of === 'string' ? of === soul : '*' in of ? soul.startsWith(of['*'] ?? '') : of['='] === soul) && (part === undefined || part === key);
    const expected = [...asked].filter(([, queries]) => queries.some(wants)).map(([who]) => who).toSorted();
    const told = [...index.matching([{ soul, fields: [{ key, value: 1, state: 1 }] }]).keys()].toSorted();
    if (subscriptions === 1000) assert.deepEqual(told, expected);
    else for (const who of expected) assert.ok(told.includes(who));
    for (const who of asked.keys()) assert.ok(index.count(who) <= (subscriptions as number));
  }), { ...seeded, numRuns: 1000 });
});

test('a map that forgets keeps what was used within its time, within its size', () => {
  const clock = new ManualClock();
  const map = new Generations<number>(clock, 1000, 100);
  for (let at = 0; at < 10_000; at++) {
    map.set(`k${at}`, at);
    assert.ok(map.size <= 101);
  }
  assert.equal(map.get('k9999'), 9999);
  assert.equal(map.get('k9960'), 9960);
  assert.equal(map.get('k0'), undefined);
});

test('nobody waits for long behind one who has much to do', async () => {
  const clock = new ManualClock();
  const turns = new Turns(clock, 8);
  const order: string[] = [];
  const worker = (name: string, steps: number): { step(): boolean } => {
    let left = steps;
    return { step: () => left-- > 0 && order.push(name) > 0 };
  };
  let spent = 0;
  clock.monotonicMs = () => spent++;
  turns.add(worker('long', 1000));
  turns.add(worker('short', 5));
  clock.monotonicMs = ManualClock.prototype.monotonicMs.bind(clock);
  await clock.advance(10);
  assert.equal(order.filter((name) => name === 'long').length, 1000);
  assert.ok(order.lastIndexOf('short') < 500, String(order.lastIndexOf('short')));
});

test('long names count against the subscriptions of a peer, which gets everything then', () => {
  const index = new Subscriptions<number>({ ...defaultLimits, subscriptionChars: 1_000 });
  for (let at = 0; at < 9; at++) index.add(1, { soul: `${at}`.padEnd(100, 'x'), key: 'k' });
  assert.equal(index.count(1), 9);
  index.add(1, { soul: 'short', key: 'k'.repeat(200) });
  assert.equal(index.count(1), 0, 'nothing of it is kept any more');
  assert.equal(index.matching([{ soul: 'other', fields: [{ key: 'x', value: 1, state: 1 }] }]).has(1), true);
});
