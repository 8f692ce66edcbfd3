import type { Delta } from '../../../src/graph/data/types.ts';

/** The write of a number: a node of its own, one item of a node that grows large, and a field that every write changes. */
export function numbered(number: number): Delta[] {
  return [
    { soul: `node/${number}`, fields: [{ key: 'a', value: number, state: 1 }, { key: 'b', value: `text ${number}`, state: 1 }, { key: 'c', value: { '#': 'hot' }, state: 1 }] },
    { soul: 'hot', fields: [{ key: `item/${number}`, value: number, state: number }, { key: 'last', value: number, state: number }] },
  ];
}
