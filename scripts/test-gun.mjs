// GUN's own suites with ours in place of gun.js (common, sea, rad), and with gun.js as a client of our relay (relay).
// node scripts/test-gun.mjs [suite …]
import { expected, runSuite, suites, surprises } from '../test/graph/gun/suites.mjs';

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(suites);
const unknown = names.filter((name) => !Object.hasOwn(suites, name));
if (unknown.length > 0) {
  process.stderr.write(`no such suite: ${unknown.join(', ')}; there are ${Object.keys(suites).join(', ')}\n`);
  process.exit(64);
}

const known = await expected();
let wrong = 0;
for (const name of names) {
  const result = await runSuite(name);
  const { passed, failed, pending, foreign } = result;
  process.stdout.write(`${name.padEnd(7)} ${passed.length} of ${passed.length + failed.length} passed, ${pending.length} left out by GUN itself; of gun's own libraries ${foreign.passed.length} of ${foreign.passed.length + foreign.failed.length}\n`);
  for (const { title, error } of failed) {
    const reason = known[name]?.[title];
    process.stdout.write(`        ${title}\n          ${reason ? `${reason.whose}: ${reason.why}` : error}\n`);
  }
  for (const line of surprises(name, result, known)) {
    wrong++;
    process.stdout.write(`        unexpected: ${line}\n`);
  }
}
process.exit(wrong === 0 ? 0 : 1);
