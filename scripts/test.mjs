// All tests, in the order in which failures are cheapest: house rules and types, lints, Rust, TypeScript.
// Every step runs even when an earlier one failed; the last line counts tests over all of them.
import { spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = (name) => join(root, 'node_modules', '.bin', name);
const addon = join(root, 'src', 'native', 'pangea.node');
const rust = existsSync(addon) && process.env.PANGEA_NATIVE !== 'off';
const cargo = ['--release', '--locked', '--workspace', '--manifest-path', 'native/Cargo.toml'];

let passed = 0;
let failed = 0;
const failures = [];

await check('types', bin('tsc'), ['--noEmit']);
await check('lint', bin('oxlint'), ['--deny-warnings', 'src', 'test', 'scripts', 'bench', 'bin']);
await check('unused code', bin('knip'), []);
if (rust) {
  await check('Rust format', 'cargo', ['fmt', '--all', '--check', '--manifest-path', 'native/Cargo.toml']);
  await check('Rust lint', 'cargo', ['clippy', ...cargo, '--all-targets', '--', '-D', 'warnings']);
  await check('generated declarations are committed', 'git', ['diff', '--exit-code', '--stat', '--', 'src/native/addon.d.ts']);
  const tests = await run('cargo', ['test', '--no-fail-fast', ...cargo]);
  count('Rust tests', tests, [...tests.output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed/gm)]);
} else {
  process.stdout.write('\nRust checks are left out: the addon is not built here (see "npm run setup"); native variants are skipped by name below.\n');
}
const suites = process.argv.length > 2 ? process.argv.slice(2) : globSync('test/**/*.test.ts', { cwd: root }).sort();
const tests = await run(process.execPath, ['--test', '--test-reporter=spec', `--test-concurrency=${Math.min(availableParallelism(), 4)}`, '--test-timeout=900000', ...suites]);
count('TypeScript tests', tests, [[...tests.output.matchAll(/^ℹ pass (\d+)/gm), ...tests.output.matchAll(/^ℹ fail (\d+)/gm)].map((match) => match[1]).toSpliced(0, 0, '')]);

if (failures.length > 0) process.stdout.write(`\nfailed: ${failures.join(', ')}\n`);
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);

/** One check that counts as one test. */
async function check(name, command, args) {
  const done = await run(command, args);
  if (done.code === 0) passed++;
  else fail(name);
}

/** A runner's own counts: rows of [whole, passed, failed]. A runner that fails without saying so counts as one failure. */
function count(name, done, rows) {
  const bad = rows.reduce((sum, row) => sum + Number(row[2] ?? 0), 0);
  passed += rows.reduce((sum, row) => sum + Number(row[1] ?? 0), 0);
  if (bad > 0) fail(name, bad);
  else if (done.code !== 0 || rows.length === 0) fail(name);
}

function fail(name, count = 1) {
  failed += count;
  failures.push(name);
}

function run(command, args) {
  process.stdout.write(`\n> ${[command.replace(`${root}/`, ''), ...args.slice(0, 12)].join(' ')}${args.length > 12 ? ' …' : ''}\n`);
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (stream) => (chunk) => {
      output += chunk;
      stream.write(chunk);
    };
    child.stdout.on('data', take(process.stdout));
    child.stderr.on('data', take(process.stderr));
    child.on('error', (error) => {
      process.stdout.write(`${error.message}\n`);
      resolve({ code: 1, output });
    });
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
