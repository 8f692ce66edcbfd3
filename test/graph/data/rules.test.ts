import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkGraph, graphLimits } from '../../../src/graph/data/check.ts';
import { createStateClock } from '../../../src/graph/data/clock.ts';
import { wins } from '../../../src/graph/data/ham.ts';
import { graphHash, textHash } from '../../../src/graph/data/hash.ts';
import { lexBounds, matches, withinBounds } from '../../../src/graph/data/lex.ts';
import { compareText } from '../../../src/graph/data/order.ts';
import { randomId } from '../../../src/graph/data/random-id.ts';
import { isValue, linkSoul } from '../../../src/graph/data/value.ts';
import { toWire } from '../../../src/graph/data/wire.ts';
import type { Lex, Value } from '../../../src/graph/data/types.ts';
import { seededRandom } from '../../../src/std/std.ts';
import { VirtualClock } from '../../sim/clock.ts';

const seed = 20_251;
const text = fc.string({ unit: 'binary', maxLength: 6 });
const value: fc.Arbitrary<Value> = fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null), text.filter((t) => t !== '').map((soul) => ({ '#': soul })));

test('values are null, text, booleans, finite numbers and links to a soul', () => {
  for (const good of [null, '', 'a', true, false, 0, -1.5, 1e308, { '#': 'x' }]) assert.ok(isValue(good), String(good));
  for (const bad of [undefined, Number.NaN, Infinity, -Infinity, [], [1], {}, { '#': '' }, { '#': 5 }, { '#': 'a', b: 1 }, { a: 1 }, 1n, Symbol('x'), () => 1]) assert.equal(isValue(bad), false);
  assert.equal(linkSoul({ '#': 'x' }), 'x');
  assert.equal(linkSoul('x'), undefined);
  assert.equal(linkSoul(Object.create({ '#': 'x' })), undefined);
});

test('of two values with one state the same wins on every side, and none against itself', () => {
  fc.assert(fc.property(value, value, value, (a, b, c) => {
    const same = JSON.stringify(a) === JSON.stringify(b);
    assert.equal(wins(a, b), !same && !wins(b, a));
    assert.equal(wins(a, a), false);
    if (wins(a, b) && wins(b, c)) assert.ok(wins(a, c));
  }), { seed, numRuns: 2000 });
});

test('states rise strictly, also when the wall clock stands or jumps back', () => {
  const random = seededRandom(7);
  let wallMs = 1_700_000_000_000;
  const clock = Object.assign(new VirtualClock(), { nowMs: () => wallMs });
  const states = createStateClock(clock);
  let last = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < 100_000; at++) {
    if (at % 17 === 0) wallMs += random.integer(21) - 10;
    const state = states.next();
    assert.ok(state > last && Number.isFinite(state));
    assert.ok(states.machine() >= state, 'what was just written is not of the future');
    assert.equal(JSON.parse(JSON.stringify(state)), state);
    last = state;
  }
  wallMs += 10_000;
  assert.equal(states.next(), wallMs);
  assert.ok(states.machine() < wallMs + 1);
});

test('the hash of an answer is that of gun.js', () => {
  assert.equal(textHash(''), 0);
  assert.equal(textHash('hello'), 99_162_322);
  assert.equal(textHash('\u{1F600}é'.repeat(5000)), gunHash('\u{1F600}é'.repeat(5000)));
  // Captured from gun 0.2020.1241: keys are hashed in sorted order, whatever the order on the wire.
  const mark = JSON.parse('{"mark":{"_":{"#":"mark",">":{"name":1795221791579,"friend":1795221791579,"age":1795221791579}},"friend":{"#":"bob"},"name":"Mark","age":42}}');
  assert.equal(graphHash(mark), -421_684_198);
  const checked = checkGraph(mark);
  assert.ok(checked.ok);
  assert.equal(graphHash(checked.deltas), -421_684_198);
  assert.equal(graphHash(JSON.parse('{"mark":{"_":{"#":"mark",">":{"age":1795221791639}},"age":null}}')), 1_992_143_903);
});

test('a lex takes what String.match of gun.js takes, but for empty conditions', () => {
  const short = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 3 });
  const lex = fc.record({ '=': short, '*': short, '>': short, '<': short }, { requiredKeys: [] });
  fc.assert(fc.property(short, fc.oneof(lex, short), (candidate, asked) => {
    assert.equal(matches(candidate, asked), gunMatch(candidate, asked), JSON.stringify([candidate, asked]));
  }), { seed, numRuns: 20_000 });
  assert.ok(matches('anything', { '*': '' }));
  assert.equal(matches('b', { '>': '', '<': 'a' }), false);
  assert.equal(matches('anything', {}), false);
  assert.ok(matches('abz', { '>': 'ab', '<': 'abc' }), 'what begins with the lower end is taken beyond the upper');
});

test('the range of a lex holds all that it takes', () => {
  const short = fc.string({ unit: fc.constantFrom('a', 'b', 'z'), maxLength: 3 });
  const lex: fc.Arbitrary<Lex> = fc.record({ '=': short, '*': short, '>': short, '<': short }, { requiredKeys: [] });
  fc.assert(fc.property(short, lex, (candidate, asked) => {
    if (matches(candidate, asked)) assert.ok(withinBounds(candidate, lexBounds(asked)), JSON.stringify([candidate, asked]));
  }), { seed, numRuns: 20_000 });
  assert.ok(withinBounds('anything', lexBounds({})));
  assert.equal(lexBounds({ '-': 1, '%': 500 }).bytes, 500);
  assert.equal(lexBounds({ '%': 500 }).reverse, false);
});

test('texts are ordered by their UTF-8 bytes', () => {
  const whole = fc.string({ unit: fc.constantFrom('a', 'é', '\uFB01', '\u{1F600}', '\u{1F601}', '\0'), maxLength: 4 });
  fc.assert(fc.property(whole, whole, (a, b) => {
    assert.equal(Math.sign(compareText(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }), { seed, numRuns: 5000 });
  fc.assert(fc.property(text, text, (a, b) => {
    assert.equal(Math.sign(compareText(a, b)) + Math.sign(compareText(b, a)), 0);
    assert.equal(compareText(a, b) === 0, a === b);
  }), { seed, numRuns: 5000 });
});

test('the check takes what was written and gives back the same, whatever the names', () => {
  const name = text.filter((t) => t !== '' && t !== '_' && t !== '__proto__');
  const soul = name.filter((t) => !Object.hasOwn(Object.prototype, t));
  const fields = fc.uniqueArray(fc.record({ key: fc.oneof(name, fc.constantFrom('constructor', 'toString', '0', '#')), value, state: fc.double({ noNaN: true, noDefaultInfinity: true }) }), { selector: ({ key }) => key, minLength: 1 });
  const deltas = fc.uniqueArray(fc.record({ soul, fields }), { selector: (delta) => delta.soul });
  fc.assert(fc.property(deltas, (written) => {
    const checked = checkGraph(JSON.parse(JSON.stringify(toWire(written))));
    assert.ok(checked.ok);
    const byName = (graph: readonly { soul: string; fields: readonly { key: string }[] }[]): unknown =>
      [...graph].sort((a, b) => (a.soul < b.soul ? -1 : 1)).map((delta) => ({ ...delta, fields: [...delta.fields].sort((a, b) => (a.key < b.key ? -1 : 1)) }));
    assert.deepEqual(byName(checked.deltas), byName(JSON.parse(JSON.stringify(written))));
  }), { seed, numRuns: 500 });
});

test('the check never throws and never lets in what breaks a rule', () => {
  const nasty = fc.constantFrom('__proto__', 'constructor', '_', '#', '>', 'a', '');
  const { json } = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof({ maxDepth: 4 }, fc.constantFrom(null, true, 0, -0, 1e308, 'a', '', 1_600_000_000_000), fc.array(tie('json'), { maxLength: 3 }),
      fc.array(fc.tuple(nasty, tie('json')), { maxLength: 4 }).map((entries) => `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${JSON.stringify(inner)}`).join()}}`).map((source) => JSON.parse(source) as unknown)),
  }));
  const almost = fc.tuple(json, json, json).map(([meta, states, inner]) =>
    JSON.parse(`{"a":{"_":{"#":"a",">":${JSON.stringify(states)}},"x":${JSON.stringify(inner)},"__proto__":${JSON.stringify(meta)}}}`) as unknown);
  fc.assert(fc.property(fc.oneof(json, almost), (put) => {
    const checked = checkGraph(put);
    if (!checked.ok) return;
    for (const { soul, fields } of checked.deltas) {
      assert.ok(soul !== '' && !Object.hasOwn(Object.prototype, soul) && fields.length > 0);
      for (const field of fields) assert.ok(isValue(field.value) && Number.isFinite(field.state) && !Object.is(field.state, -0) && field.key !== '__proto__');
    }
  }), { seed, numRuns: 20_000 });
  for (const name of ['a', 'x', 'polluted', '#']) assert.equal((Object.prototype as Record<string, unknown>)[name], undefined);
});

test('each limit of a put refuses what is over it', () => {
  const node = (soul: string, fields: Record<string, unknown>): object => ({ [soul]: { _: { '#': soul, '>': Object.fromEntries(Object.keys(fields).map((key) => [key, 1])) }, ...fields } });
  const limits = { nodesPerPut: 2, fieldsPerNode: 2, soulChars: 4, keyChars: 3, valueChars: 5 };
  const refusal = (put: unknown): string => {
    const checked = checkGraph(put, limits);
    return checked.ok ? 'ok' : checked.violation;
  };
  assert.equal(refusal({ ...node('a', { x: 'fives' }), ...node('b', { xyz: 1, y: 2 }) }), 'ok');
  assert.equal(refusal({ ...node('a', {}), ...node('b', {}), ...node('c', {}) }), 'nodes');
  assert.equal(refusal(node('a', { x: 1, y: 2, z: 3 })), 'nodes');
  assert.equal(refusal(node('abcde', { x: 1 })), 'structure');
  assert.equal(refusal(node('a', { wxyz: 1 })), 'structure');
  assert.equal(refusal(node('a', { x: 'sixsix' })), 'value');
  assert.equal(refusal(node('a', { x: { '#': 'abcde' } })), 'value');
  assert.deepEqual(checkGraph({}, graphLimits), { ok: true, deltas: [] });
});

test('what goes out carries no name that would change the objects of gun.js', () => {
  const graph = toWire([{ soul: '__proto__', fields: [{ key: 'x', value: 1, state: 1 }] }, { soul: 'a', fields: [{ key: '__proto__', value: 1, state: 1 }, { key: 'y', value: 2, state: 3 }] }, { soul: 'a', fields: [{ key: 'z', value: null, state: 4 }] }]);
  assert.deepEqual(graph, { a: { _: { '#': 'a', '>': { y: 3, z: 4 } }, y: 2, z: null } });
  assert.deepEqual(Object.keys(toWire([{ soul: 'constructor', fields: [{ key: 'x', value: 1, state: 1 }] }])), ['constructor']);
});

test('ids are of the wished length, from letters and digits, and seldom the same', () => {
  const random = seededRandom(1);
  const ids = new Set(Array.from({ length: 10_000 }, () => randomId(random)));
  assert.equal(ids.size, 10_000);
  for (const id of ids) assert.match(id, /^[0-9A-Za-z]{9}$/);
  assert.equal(randomId(random, 24).length, 24);
});

/* gun.js itself, for comparison. Its file adds functions to String, which are taken off again. */
const require = createRequire(import.meta.url);
const string = String as unknown as Record<string, unknown>;
const added = ['random', 'match', 'hash'] as const;
require('gun/gun.js');
const gunMatch = string['match'] as (text: string, lex: string | Lex) => boolean;
const gunHash = string['hash'] as (text: string) => number;
for (const name of added) delete string[name];
