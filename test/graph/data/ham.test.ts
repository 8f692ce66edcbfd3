import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkGraph } from '../../../src/graph/data/check.ts';
import { decide } from '../../../src/graph/data/ham.ts';
import { isValue } from '../../../src/graph/data/value.ts';
import type { Value } from '../../../src/graph/data/types.ts';
import { createReplica } from '../../../src/graph/replica/create.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { VirtualClock } from '../../sim/clock.ts';
import { type FieldVector, hamVectors, type MessageVector } from './vectors.ts';

/** Where we differ from gun.js on purpose, and what happens here instead. */
const refusedHere: Readonly<Record<string, string>> = {
  'invalid-state-null': 'a state is a finite number',
  'invalid-state-string-number': 'a state is a finite number',
  'invalid-state-string-text': 'a state is a finite number',
  'invalid-state-string-vs-current': 'a state is a finite number',
  'future-24.8days-max': 'more than a day ahead of the clock',
  'future-beyond-max-clamped': 'more than a day ahead of the clock',
  'future-Infinity-like-1e308': 'more than a day ahead of the clock',
};

/** Messages of which gun.js takes a part, or that break it; here nothing of them counts. */
const messagesRefusedHere: readonly string[] = [
  'two-souls-last-has-array', 'one-soul-middle-key-bad', 'last-soul-no-meta', 'soul-mismatch-second', 'null-node', '12-keys-one-soul-key10-bad',
  'empty-key-name', '__proto__-soul', 'constructor-soul',
];

test('the rules of one field are those of gun.js', () => {
  let checked = 0;
  for (const { id, faith = false, current, incoming, machine, expect } of hamVectors.vectors) {
    if (!isValue(incoming.value) || typeof incoming.state !== 'number') continue;
    const outcome = decide(machine, incoming.state, incoming.value, current?.state ?? Number.NEGATIVE_INFINITY, current?.value as Value | undefined, faith);
    assert.equal(outcome, expect.outcome, id);
    checked++;
  }
  assert.equal(checked, 56);
});

test('every vector of a field ends as in gun.js, or as the list says, also through check and replica', async () => {
  const unused = new Set(Object.keys(refusedHere));
  for (const vector of hamVectors.vectors) {
    if (vector.faith) continue;
    const { outcome, after } = await throughReplica(vector);
    if (unused.delete(vector.id)) {
      assert.equal(outcome, 'refuse', vector.id);
      assert.deepEqual(after, fieldOf(vector.current), vector.id);
      continue;
    }
    const expected = vector.category === 'invalid' ? 'refuse' : vector.expect.outcome;
    assert.equal(outcome, expected, vector.id);
    assert.deepEqual(after, vector.expect.graphAfter, vector.id);
  }
  assert.deepEqual([...unused], []);
});

test('a message is taken whole or not at all', () => {
  const unused = new Set(messagesRefusedHere);
  for (const vector of hamVectors.messages) {
    const { accepted, refused } = throughMessage(vector);
    assert.equal(refused, unused.delete(vector.id), vector.id);
    assert.deepEqual(accepted, refused ? [] : vector.accepted, vector.id);
  }
  assert.deepEqual([...unused], []);
  assert.equal(({} as { x?: unknown }).x, undefined);
});

async function throughReplica({ current, incoming, machine, expect }: FieldVector): Promise<{ outcome: string; after: unknown }> {
  const clock = new VirtualClock();
  assert.equal(clock.nowMs(), machine);
  const replica = createReplica({ store: new MemoryStore(), clock });
  const known = fieldOf(current);
  if (known) replica.merge([{ soul: 's', fields: [{ key: 'k', value: known.value as Value, state: known.state as number }] }], 'peer');
  const checked = checkGraph({ s: { _: { '#': 's', '>': { k: incoming.state } }, k: incoming.value } });
  const outcome = checked.ok ? replica.merge(checked.deltas, 'peer').now : undefined;
  const after = replica.peek('s')?.field('k');
  if (expect.deferMs !== undefined && outcome?.deferred === 1) {
    await clock.run(expect.deferMs - 1);
    assert.equal(replica.peek('s'), undefined);
    await clock.run(2);
    assert.deepEqual(replica.peek('s')?.value('k'), incoming.value);
  }
  await replica.close();
  return {
    outcome: outcome === undefined || outcome.refused > 0 ? 'refuse' : outcome.deferred > 0 ? 'defer' : outcome.old > 0 ? 'reject' : 'accept',
    after: after ? { value: after.value, state: after.state } : null,
  };
}

function throughMessage({ put, preexisting }: MessageVector): { accepted: unknown[]; refused: boolean } {
  const replica = createReplica({ store: new MemoryStore(), clock: new VirtualClock() });
  const before = checkGraph(preexisting ?? {});
  assert.ok(before.ok);
  replica.merge(before.deltas, 'peer');
  // As it comes off a wire: `__proto__` an own property.
  const checked = checkGraph(JSON.parse(JSON.stringify(put)));
  const accepted = checked.ok ? (replica.merge(checked.deltas, 'peer').now?.accepted ?? []) : [];
  return { accepted: accepted.flatMap(({ soul, fields }) => fields.map(({ key, value }) => [soul, key, value])), refused: !checked.ok };
}

function fieldOf(current: FieldVector['current']): { readonly value: unknown; readonly state: number } | null {
  return current && current.value !== undefined ? { value: current.value, state: current.state } : null;
}
