/**
 * Runs GUN's own suites out of its npm package, each in a process and a folder of its own: with ours in place of gun.js, or
 * with real gun.js as a client of a relay of ours.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const gun = dirname(createRequire(import.meta.url).resolve('gun/package.json'));
const mocha = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'bin', 'mocha.js');

/** `foreign`: tests of gun's own libraries that we do not replace. They run, and are counted apart. */
export const suites = {
  common: { file: 'test/common.js', preset: 'preset.mjs', foreign: ['Gun Utility YSON', 'Gun Utility flow intermittent interruption', 'Gun Utility Type Check random text', 'Gun Utility Type Check plain object', 'Gun Utility Type Check empty'] },
  sea: { file: 'test/sea/sea.js', preset: 'preset.mjs', foreign: [] },
  rad: { file: 'test/rad/rad.js', preset: 'preset.mjs', foreign: ['RAD Radix', 'RAD Radisk'] },
  // Each test in a process of its own: one that fails leaves gun.js's client so that those after it fail too, on any relay.
  relay: { file: 'test/common.js', preset: 'preset-relay.mjs', foreign: ['Gun Utility'], relay: true, apart: true },
};

/** What is known to fail: `{suite: {title: {whose, why}}}`. */
export async function expected() {
  return JSON.parse(await readFile(join(here, 'expected.json'), 'utf8'));
}

/** `{passed, failed: [{title, error}], pending, foreign: {passed, failed}}`; titles are full ones. Fails when mocha ends without a report. */
export async function runSuite(name, { timeoutMs = 300_000, atOnce = 3 } = {}) {
  const { file, preset, foreign, relay, apart } = suites[name];
  const opened = relay ? await openRelay() : undefined;
  try {
    const suite = { file: join(gun, file), preset: join(here, preset), env: opened ? { GUN_RELAY: opened.url } : {}, timeoutMs };
    const isForeign = (title) => foreign.some((prefix) => title.startsWith(prefix));
    const { titles, pending, failed } = apart ? await runApart(suite, isForeign, atOnce) : await runMocha(suite, []);
    const own = titles.filter((title) => !isForeign(title));
    const others = titles.filter(isForeign);
    return {
      passed: own.filter((title) => !failed.has(title)),
      failed: own.filter((title) => failed.has(title)).map((title) => ({ title, error: failed.get(title) })),
      pending,
      foreign: { passed: others.filter((title) => !failed.has(title)), failed: others.filter((title) => failed.has(title)) },
    };
  } finally {
    await opened?.close();
  }
}

async function runMocha({ file, preset, env, timeoutMs }, more) {
  const folder = await mkdtemp(join(tmpdir(), 'gun-suite-'));
  try {
    const report = join(folder, 'report.json');
    const output = await run(['--exit', '--reporter', 'json', '--reporter-option', `output=${report}`, `--import=${preset}`, ...more, file], folder, env, timeoutMs);
    const text = await readFile(report, 'utf8').catch(() => {
      throw new Error(`mocha ended without a report:\n${output.slice(-4_000)}`);
    });
    const { tests, failures, pending } = JSON.parse(text);
    const left = [...new Set(pending.map((test) => test.fullTitle))];
    return {
      titles: [...new Set(tests.map((test) => test.fullTitle))].filter((title) => !left.includes(title)),
      pending: left,
      failed: new Map(failures.map((test) => [test.fullTitle, test.err?.message ?? ''])),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runApart(suite, leaveOut, atOnce) {
  const { titles, pending } = await runMocha(suite, ['--dry-run']);
  const waiting = titles.filter((title) => !leaveOut(title));
  const all = [...waiting];
  const failed = new Map();
  const work = async () => {
    for (let title = waiting.shift(); title !== undefined; title = waiting.shift()) {
      const result = await runMocha(suite, [`--grep=^${RegExp.escape(title)}$`]);
      if (result.failed.has(title)) failed.set(title, result.failed.get(title));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { titles: all, pending, failed };
}

/** Failures that nobody expects, and expected ones that did not come: each a line of text. */
export function surprises(name, result, known) {
  const list = known[name] ?? {};
  return [
    ...result.failed.filter(({ title }) => !Object.hasOwn(list, title)).map(({ title, error }) => `fails: ${title}: ${error}`),
    ...result.foreign.failed.map((title) => `gun's own fails: ${title}`),
    ...Object.keys(list).filter((title) => result.passed.includes(title)).map((title) => `passes, so it need not be listed: ${title}`),
    ...Object.keys(list).filter((title) => !result.passed.includes(title) && !result.failed.some((test) => test.title === title)).map((title) => `is listed but did not run: ${title}`),
  ];
}

async function openRelay() {
  const { createGraphPeer, createGuard, createMesh, MemoryStore, openGraphServer } = await import('../../../src/graph/graph.ts');
  const { systemClock: clock, systemRandom: random } = await import('../../../src/std/std.ts');
  const peer = createGraphPeer({
    store: new MemoryStore(), clock, random, guard: createGuard({ clock }),
    mesh: (handler, pid) => createMesh({ handler, clock, random, pid, relay: true }),
  });
  const server = await openGraphServer({ host: '127.0.0.1', port: 0, mesh: peer.mesh, clock });
  return {
    url: `http://127.0.0.1:${server.address.port}/gun`,
    close: async () => {
      await server.close();
      await peer.close();
    },
  };
}

function run(args, cwd, env, timeoutMs) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [mocha, ...args], { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output = (output + data).slice(-100_000)));
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      resolve(output);
    });
  });
}
