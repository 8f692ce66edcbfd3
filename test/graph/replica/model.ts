import assert from 'node:assert/strict';
import type { Delta, Value } from '../../../src/graph/data/types.ts';
import type { Replica } from '../../../src/graph/replica/replica.ts';

export type Model = Map<string, Map<string, { readonly value: Value; readonly state: number }>>;

/** What must be left of a set of writes, whatever their order: of each field the highest state, of equal states the greatest JSON. */
export function modelOf(writes: readonly Delta[]): Model {
  const model: Model = new Map();
  for (const { soul, fields } of writes) {
    const node = model.get(soul) ?? new Map();
    model.set(soul, node);
    for (const { key, value, state } of fields) {
      const known = node.get(key);
      if (!known || state > known.state || (state === known.state && JSON.stringify(value) > JSON.stringify(known.value))) node.set(key, { value, state });
    }
  }
  return model;
}

/** Reads every soul and compares with the model, both ways. */
export async function assertHolds(replica: Pick<Replica, 'load' | 'souls'>, model: Model): Promise<void> {
  const souls: string[] = [];
  for await (const soul of replica.souls()) souls.push(soul);
  assert.deepEqual(souls, [...model.keys()].sort());
  for (const [soul, expected] of model) {
    const node = await replica.load(soul);
    const fields = new Map([...(node?.fields() ?? [])].map(({ key, value, state }) => [key, { value, state }]));
    assert.deepEqual(fields, expected, soul);
  }
}
