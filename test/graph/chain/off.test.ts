import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { graph, pause } from './graphs.ts';
import type { Chain } from '../../../src/graph/graph.ts';

function nothingLeft(gun: { peer: { stats(): { replica: { watched: number }; subscriptions: number } } }): void {
  const { replica, subscriptions } = gun.peer.stats();
  assert.deepEqual({ watched: replica.watched, subscriptions }, { watched: 0, subscriptions: 0 });
}

describe('off', () => {
  test('ends the listeners of a chain and of those that go on from it, and no others', (t) => {
    const gun = graph(t);
    const heard: string[] = [];
    gun.get('a').put({ b: { c: 1 } });
    gun.get('a').on(() => heard.push('a'));
    gun.get('a').get('b').on(() => heard.push('a.b'));
    gun.get('a').get('b').get('c').on(() => heard.push('a.b.c'));
    gun.get('a').map().on(() => heard.push('map'));
    gun.get('other').on(() => heard.push('other'));
    gun.get('a').get('b').off();
    heard.length = 0;
    gun.get('a').get('b').put({ c: 2 });
    gun.get('other').put({ x: 1 });
    assert.deepEqual(heard.sort(), ['a', 'map', 'other']);
    gun.get('a').off();
    gun.get('other').off();
    nothingLeft(gun);
  });

  test('listeners can begin again after it', (t) => {
    const gun = graph(t);
    const heard: unknown[] = [];
    gun.get('x').on((data) => heard.push(data.v)).off();
    gun.get('x').put({ v: 1 });
    gun.get('x').on((data) => heard.push(data.v));
    assert.deepEqual(heard, [1]);
  });

  test('a listener that ends itself, or its chain, while it is called is not called again', (t) => {
    const gun = graph(t);
    let calls = 0;
    gun.get('s').on((_, __, ___, event) => {
      calls++;
      event.off();
    });
    gun.get('r').get('v').on(() => {
      calls++;
      gun.get('r').off();
    });
    for (const v of [1, 2]) {
      gun.get('s').put({ v });
      gun.get('r').put({ v });
    }
    assert.equal(calls, 2);
    nothingLeft(gun);
  });

  test('once and not give everything back by themselves', async (t) => {
    const gun = graph(t);
    gun.get('l').put({ a: { v: 1 } });
    await gun.get('l').get('a').once();
    await gun.get('l').get('missing').get('deep').once();
    gun.get('l').once(() => undefined).not(() => undefined);
    gun.get('nothing').not(() => undefined);
    await gun.get('l').load();
    await pause(1);
    nothingLeft(gun);
  });

  const word = fc.oneof(
    fc.record({ kind: fc.constant('get' as const), key: fc.constantFrom('a', 'b', 'c') }),
    fc.constant({ kind: 'map' as const }),
    fc.constant({ kind: 'filter' as const }),
    fc.constant({ kind: 'once' as const }),
    fc.constant({ kind: 'lex' as const }),
  );
  const action = fc.oneof(
    fc.record({ kind: fc.constantFrom('on', 'once', 'raw', 'not', 'open', 'iterate', 'off'), way: fc.array(word, { maxLength: 4 }) }),
    fc.record({
      kind: fc.constant('put'),
      way: fc.array(fc.record({ kind: fc.constant('get' as const), key: fc.constantFrom('a', 'b', 'c') }), { maxLength: 2 }),
      data: fc.constantFrom<unknown>(1, null, { '#': 'root' }, { a: { b: 1 } }, { c: { '#': 'root/a' } }, { b: 'text', c: null }),
    }),
  );

  test('leaves nothing behind after any program', async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (program) => {
        const gun = graph(t);
        for (const step of program) {
          let chain: Chain = gun.get('root');
          for (const at of step.way) {
            if (at.kind === 'get') chain = chain.get(at.key);
            else if (at.kind === 'map') chain = chain.map();
            else if (at.kind === 'filter') chain = chain.map((data: unknown) => (data === null ? undefined : data));
            else if (at.kind === 'lex') chain = chain.get({ '.': { '>': 'a', '<': 'b' } });
            else chain = chain.once();
          }
          const ignore = (): void => undefined;
          if (step.kind === 'on') chain.on(ignore, { change: step.way.length % 2 === 0 });
          else if (step.kind === 'once') chain.once(ignore);
          else if (step.kind === 'raw') chain.get(ignore);
          else if (step.kind === 'not') chain.not(ignore);
          else if (step.kind === 'open') chain.open(ignore);
          else if (step.kind === 'iterate') void chain.on({}).next();
          else if (step.kind === 'off') chain.off();
          else chain.put('data' in step ? step.data : null);
          if (program.length % 3 === 0) await Promise.resolve();
        }
        gun.off();
        await pause(0);
        nothingLeft(gun);
        await gun.close();
      }),
      { numRuns: 150, seed: 4 },
    );
  });
});
