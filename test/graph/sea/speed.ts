// How many signatures a second: node test/graph/sea/speed.ts [rounds]
import { createAuthor, createGuard, generatePair, Verifier } from '../../../src/graph/sea/sea.ts';
import type { Delta } from '../../../src/graph/data/types.ts';
import { startGun } from './gun-child.ts';

const fields = 3_000;
const rounds = Number(process.argv[2] ?? 5);
const pair = await generatePair();
const plain = Array.from({ length: fields }, (_, at): Delta => ({ soul: `~${pair.pub}/n${at}`, fields: [{ key: 'k', value: `value ${at}`, state: 1_800_000_000_000 + at }] }));
const sign = createAuthor({ pair, verifier: new Verifier() });
const signed = await sign(plain, {});
const open = plain.map((delta) => ({ ...delta, soul: 'open' }));
const gun = startGun('native');
const seen = createGuard({ clock: { nowMs: () => 0 } });
for (const delta of signed) await seen(delta);

const runs: Record<string, () => Promise<unknown>> = {
  'sign, all at once': async () => sign(plain, {}),
  'verify, all at once': () => {
    const guard = createGuard({ clock: { nowMs: () => 0 } });
    return Promise.all(signed.map(guard));
  },
  'verify, one after the other': async () => {
    const guard = createGuard({ clock: { nowMs: () => 0 } });
    for (const delta of signed) await guard(delta);
  },
  'seen before': async () => signed.map(seen),
  'souls of nobody': async () => open.map(seen),
  'gun.js: sign': () => gun.call('signMany', fields, pair),
  'gun.js: verify': () => gun.call('verifyMany', fields, pair),
};
const rates = new Map<string, number[]>(Object.keys(runs).map((name) => [name, []]));
for (let round = 0; round <= rounds; round++) {
  for (const [name, run] of Object.entries(runs)) {
    const before = performance.now();
    await run();
    // The first round warms up.
    if (round > 0) rates.get(name)?.push((fields / (performance.now() - before)) * 1_000);
  }
}
for (const [name, all] of rates) console.log(`${name.padEnd(28)} ${Math.round(all.sort((a, b) => a - b)[all.length >> 1] ?? 0).toLocaleString('en')} fields/s`);
await gun.close();
