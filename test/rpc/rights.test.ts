import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPangeaError } from '../../src/errors/errors.ts';
import { allRights, demand, demandObject, intersect, rightNames, tells, type Rights } from '../../src/rpc/rights.ts';

const roots = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64));
const rights: fc.Arbitrary<Rights> = fc.record({
  granted: fc.subarray([...rightNames]).map((names) => new Set(names)),
  onlyObjects: fc.option(fc.subarray(roots, { minLength: 1 }).map((some) => new Set(some)), { nil: undefined }),
  expiresMs: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
});

const allows = (given: Rights, right: (typeof rightNames)[number], root: string, nowMs: number): boolean => {
  try {
    demand(given, right, nowMs);
    if (right === 'read' || right === 'remove') demandObject(given, root);
    return true;
  } catch (error) {
    assert.ok(isPangeaError(error, 'DENIED'));
    return false;
  }
};

test('what is narrowed allows exactly what both allow', () => {
  fc.assert(fc.property(rights, rights, fc.constantFrom(...rightNames), fc.constantFrom(...roots), fc.integer({ min: 0, max: 101 }), (one, other, right, root, nowMs) => {
    assert.equal(allows(intersect(one, other), right, root, nowMs), allows(one, right, root, nowMs) && allows(other, right, root, nowMs));
  }));
});

test('a chain of narrowings never gives back what one of them took', () => {
  fc.assert(fc.property(fc.array(rights, { minLength: 1, maxLength: 6 }), fc.constantFrom(...rightNames), fc.constantFrom(...roots), (chain, right, root) => {
    let held = allRights;
    let before = true;
    for (const next of chain) {
      held = intersect(held, next);
      const now = allows(held, right, root, 0);
      assert.ok(before || !now);
      before = now;
    }
  }));
});

test('two sets of objects with nothing in common leave no right to read, instead of a right to read all', () => {
  const one: Rights = { ...allRights, onlyObjects: new Set([roots[0] as string]) };
  const other: Rights = { ...allRights, onlyObjects: new Set([roots[1] as string]) };
  const both = intersect(one, other);
  assert.deepEqual([...both.granted].sort(), ['control', 'observe', 'write']);
  for (const root of roots) assert.equal(allows(both, 'read', root, 0), false);
});

test('events name no object that the session does not reach', () => {
  const event = (root: string) => ({ kind: 'object', change: 'put', root, name: 'x', bytes: 1, atMs: 0 }) as const;
  fc.assert(fc.property(rights, rights, fc.constantFrom(...roots), (one, other, root) => {
    assert.equal(tells(intersect(one, other), event(root)), tells(one, event(root)) && tells(other, event(root)));
  }));
  const one: Rights = { ...allRights, onlyObjects: new Set([roots[0] as string]) };
  assert.ok(tells(allRights, event('f'.repeat(64))) && tells(one, event(roots[0] as string)) && !tells(one, event(roots[1] as string)));
  assert.ok(tells(one, { kind: 'repair', change: 'roundEnded', root: '', shards: 0, atMs: 0 }));
});
