/** Accounts of SEA before 2019, out of GUN's own suite: they log in, and their loose signatures are worth no more than that. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { systemClock } from '../../../src/std/std.ts';
import { openGraph } from '../../../src/graph/open.ts';
import { createGuard, verify } from '../../../src/graph/sea/sea.ts';
import type { Delta, Value } from '../../../src/graph/data/types.ts';

interface Account extends Record<string, unknown> {
  readonly _: { readonly '#': string; readonly '>': Record<string, number> };
  readonly pub: string;
  readonly alias: string;
  readonly epub: string;
  readonly auth: string;
}
const suite = readFileSync(createRequire(import.meta.url).resolve('gun/test/sea/sea.js'), 'utf8');
const [bob, alice] = [...suite.matchAll(/JSON\.parse\(atob\("([^"]+)"\)\)/g)].map((match) => JSON.parse(atob(match[1] ?? '')) as Account) as [Account, Account];
const password = 'test123';

const graph = openGraph();
after(() => graph.close());
const guard = createGuard({ clock: systemClock });
const deltaOf = (account: Account): Delta => ({ soul: account._['#'], fields: Object.entries(account._['>']).map(([key, state]) => ({ key, value: account[key] as Value, state })) });
const field = (soul: string, key: string, value: Value, state: number): Delta => ({ soul, fields: [{ key, value, state }] });

for (const [name, account] of [['bob', bob], ['alice', alice]] as const) {
  test(`${name} logs in`, async () => {
    assert.deepEqual(await guard(deltaOf(account)), { ok: true });
    const soul = account._['#'];
    await graph.peer.put([deltaOf(account), field(`~@${name}`, soul, { '#': soul }, 1)]);
    assert.equal((await graph.session.auth(name, password)).pub, account.pub);
    await assert.rejects(graph.session.auth(name, 'another'), { code: 'WRONG_KEY' });
  });
}

test('their fields are not moved, altered or made younger', async () => {
  const written = alice._['>'].alias as number;
  for (const [what, forged] of [
    ['another key', field(alice._['#'], 'epub', alice.alias, written)],
    ['another node', field(`${alice._['#']}/x`, 'alias', alice.alias, written)],
    ['another time', field(alice._['#'], 'alias', alice.alias, written + 1_000)],
    ['today', field(alice._['#'], 'alias', alice.alias, systemClock.nowMs())],
    ['another value', field(alice._['#'], 'alias', alice.alias.replace('alice', 'mallory'), written)],
    ['another kind', field(bob._['#'], 'epub', bob.alias, 1)],
    ['keys for a name', field(bob._['#'], 'alias', bob.auth, 1)],
    ['no part of an account', field(bob._['#'], 'profile', bob.alias, 1)],
    ['below the account', field(`${bob._['#']}/x`, 'alias', bob.alias, 1)],
    ['today', field(bob._['#'], 'alias', bob.alias, systemClock.nowMs())],
  ] as const) assert.deepEqual(await guard(forged), { ok: false, err: 'Unverified data.', violation: 'signature' }, what);
});

test('a signature of their sealed keys fits no other object', async () => {
  const { m, s } = JSON.parse(bob.auth.slice(3)) as { readonly m: unknown; readonly s: string };
  assert.deepEqual(Object.keys((await verify({ m, s }, bob.pub)) as object), ['ek', 's']);
  for (const forged of [{ a: 1 }, { ek: 'x', s: 'y', more: 1 }, { '#': `~${bob.pub}`, '.': 'a', ':': 1, '>': 1 }, [{ a: 1 }]]) {
    assert.equal(await verify({ m: forged, s }, bob.pub), undefined);
  }
});
