import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graph } from './graphs.ts';
import type { InputOf, ItemOf, KeyOf, SetOf } from '../../../src/graph/graph.ts';

interface Person {
  name: string;
  age: number;
  spouse: Person;
  friends: SetOf<Person>;
}

interface Schema {
  people: SetOf<Person>;
  title: { text: string };
}

// The type checker is the judge of this file; that it runs is the smaller part.
test('a schema gives types through get, map, set, once and load', async (t) => {
  const gun = graph<Schema>(t);
  const bob = gun.get('people').get('bob');
  await bob.put({ name: 'Bob', spouse: { name: 'Ann', spouse: bob } });
  bob.get('friends').set({ name: 'Carl', age: 3 });
  const name: string | undefined | null = (await bob.once())?.name;
  const link: { readonly '#': string } | null | undefined = (await bob.once())?.spouse;
  const ann: string | undefined = await bob.get('spouse').get('name').once();
  const deep: string | null | undefined = (await bob.load())?.spouse?.spouse?.name;
  const friends: string[] = [];
  bob.get('friends').map().once((friend) => {
    const age: number | null | undefined = friend?.age;
    friends.push(`${friend?.name} ${age}`);
  });
  assert.deepEqual([name, link, ann, deep, friends], ['Bob', { '#': 'people/bob/spouse' }, 'Ann', 'Bob', ['Carl 3']]);

  // Each is `false` by its type, or this file does not compile.
  const accepted: Wrong = { node: false, field: false, type: false, further: false, value: false, item: false };
  assert.equal(Object.values(accepted).includes(true as never), false);
});

type Takes<Input, Given> = [Given] extends [Input] ? true : false;

interface Wrong {
  node: Takes<KeyOf<Schema>, 'peeple'>;
  field: Takes<KeyOf<Person>, 'nam'>;
  type: Takes<InputOf<Person>, { age: string }>;
  /** A value goes no further. */
  further: Takes<KeyOf<string>, 'length'>;
  value: Takes<InputOf<Schema['title']['text']>, number>;
  item: Takes<InputOf<ItemOf<Person['friends']>>, { name: number }>;
}
