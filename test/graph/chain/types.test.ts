import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graph } from './graphs.ts';
import type { SetOf } from '../../../src/graph/graph.ts';

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

  // Never called: what must not compile.
  const refused = (): void => {
    // @ts-expect-error no such node
    gun.get('peeple');
    // @ts-expect-error no such field
    bob.get('nam');
    // @ts-expect-error wrong type of a field
    bob.put({ age: 'old' });
    // @ts-expect-error a value goes no further
    bob.get('name').get('length');
    // @ts-expect-error wrong type of a value
    gun.get('title').get('text').put(7);
    // @ts-expect-error wrong type of an item
    bob.get('friends').set({ nick: 'x' });
    // @ts-expect-error a string is no number
    bob.get('name').on((data: number) => data);
  };
  assert.equal(typeof refused, 'function');
});
