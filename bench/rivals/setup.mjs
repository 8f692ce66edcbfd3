// Builds every rival that can be built here, asks each for its name, and prints one line each: ready, or missing and why.
// `npm run bench:rivals [-- ID…]`. Compilers and registries are used as they are set up on the machine; nothing of the
// node or of its node_modules is touched. Nothing here is needed to build, test or run the node.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { builtDirectory, list } from './rivals.ts';

const here = import.meta.dirname;
const stateFile = join(builtDirectory, 'state.json');
const cargoTarget = process.env.CARGO_TARGET_DIR ?? join(builtDirectory, 'cargo');
const cFlags = ['-std=gnu11', '-O3', '-Wall', '-Wextra'];
const answerMs = 20_000;

/** By what they make: each throws the reason when it cannot. */
const builds = {
  'isal-debian': () => compile('isal-debian', ['isal.c', '-lisal'], 'libisal-dev'),
  isal: buildIsal,
  klauspost: () => run('go', ['build', '-trimpath', '-o', join(builtDirectory, 'klauspost'), '.'], { cwd: join(here, 'klauspost') }),
  libsodium: () => compile('libsodium', ['libsodium.c', '-lsodium'], 'libsodium-dev'),
  rust: buildRust,
  npm: installPackages,
};

function compile(id, args, debianPackage) {
  const sources = args.map((each) => (each.endsWith('.c') ? join(here, 'c', each) : each));
  try {
    run('cc', [...cFlags, '-o', join(builtDirectory, id), join(here, 'c', 'protocol.c'), ...sources]);
  } catch (error) {
    const header = /fatal error: (\S+\.h): No such file/.exec(error.message)?.[1];
    throw header === undefined ? error : new Error(`header not found: ${header} (Debian: ${debianPackage})`);
  }
}

/** ISA-L from the source that the crate isal-sys carries, by ISA-L's own Makefile. */
function buildIsal() {
  if (process.arch !== 'x64') throw new Error('only built for x86-64');
  if (spawnSync('nasm', ['-v']).status !== 0) throw new Error('nasm not found');
  const cwd = join(here, 'isal');
  run('cargo', ['fetch', '--locked'], { cwd });
  const { packages } = JSON.parse(run('cargo', ['metadata', '--locked', '--format-version', '1'], { cwd }));
  const crate = packages.find(({ name }) => name === 'isal-sys');
  const source = join(builtDirectory, 'isal-source');
  rmSync(source, { recursive: true, force: true });
  cpSync(join(dirname(crate.manifest_path), 'isa-l'), source, { recursive: true });
  run('make', ['-f', 'Makefile.unx', 'lib', 'units=erasure_code', `-j${availableParallelism()}`], { cwd: source });
  const library = join(source, 'bin', 'isa-l.a');
  if (!readFileSync(library).includes('ec_encode_data_avx512_gfni')) throw new Error('nasm is too old for GFNI');
  symlinkSync('include', join(source, 'isa-l'));
  const version = /\[(\d+\.\d+\.\d+)\]/.exec(readFileSync(join(source, 'configure.ac'), 'utf8'))?.[1] ?? '';
  compile('isal', [`-I${source}`, `-DRIVAL_VERSION="${version} (${crate.version.split('+')[1]})"`, 'isal.c', library], '');
}

function buildRust() {
  for (const [program, features] of [['pangea-rivals', []], ['pangea-seed', ['--no-default-features']]]) {
    run('cargo', ['build', '--release', '--locked', ...features, '--target-dir', cargoTarget], { cwd: join(here, 'rust') });
    copyFileSync(join(cargoTarget, 'release', 'pangea-rivals'), join(builtDirectory, program));
  }
}

/** Where they do not compile, the packages that need no compiler are still there. */
function installPackages() {
  const cwd = join(here, 'npm');
  const headers = [dirname(dirname(process.execPath)), '/usr', '/usr/local'].find((root) => existsSync(join(root, 'include', 'node', 'node_api.h')));
  // Only Node-API is used, so headers of any version do; a machine without any would have to download them.
  const env = { ...process.env, ...(headers === undefined ? {} : { npm_config_nodedir: headers }) };
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const install = (...more) => run(npm[0], [...npm.slice(1), 'ci', '--no-audit', '--no-fund', ...more], { cwd, env });
  try {
    install();
  } catch (error) {
    install('--ignore-scripts');
    throw error;
  }
}

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  if (done.error?.code === 'ENOENT') throw new Error(`${command} not found`);
  if (done.error !== undefined) throw done.error;
  if (done.status !== 0) throw new Error(`${command} ${args[0]} failed: ${firstError(done.stderr)}`);
  return done.stdout;
}

function firstError(text) {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  return (lines.find((line) => /\berror\b/i.test(line)) ?? lines.at(-1) ?? 'no reason given').slice(0, 200);
}

/** What the rival says of itself, or a thrown reason. */
function askName({ command, args, cwd }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['pipe', 'pipe', 'pipe'], timeout: answerMs });
    const said = { out: '', err: '' };
    child.stdin.on('error', () => undefined);
    child.stdin.end('{"op":"hello"}\n');
    child.stdout.on('data', (chunk) => (said.out += chunk));
    child.stderr.on('data', (chunk) => (said.err += chunk));
    child.on('error', (error) => reject(error.code === 'ENOENT' ? new Error('not built') : error));
    child.on('close', () => {
      try {
        resolve(JSON.parse(said.out));
      } catch {
        reject(new Error(firstError(said.err)));
      }
    });
  });
}

function buildOf(rival) {
  if (rival.command === process.execPath) return 'npm';
  return rival.id in builds ? rival.id : 'rust';
}

mkdirSync(builtDirectory, { recursive: true });
const asked = process.argv.slice(2);
const unknown = asked.filter((id) => !list().some((rival) => rival.id === id));
if (unknown.length > 0) {
  process.stderr.write(`bench:rivals: there is no ${unknown.join(', ')}; there are ${list().map(({ id }) => id).join(', ')}\n`);
  process.exit(64);
}
const wanted = list().filter(({ id }) => asked.length === 0 || asked.includes(id));
const state = existsSync(stateFile) ? JSON.parse(readFileSync(stateFile, 'utf8')) : {};
const failures = new Map();
for (const name of new Set(wanted.map(buildOf))) {
  process.stderr.write(`building ${name} …\n`);
  try {
    builds[name]();
  } catch (error) {
    failures.set(name, error.message);
  }
}
for (const rival of wanted) {
  const failure = failures.get(buildOf(rival));
  try {
    // A package that needs no compiler works even when its neighbours did not compile; a program of an older build does not count.
    if (failure !== undefined && buildOf(rival) !== 'npm') throw new Error(failure);
    const { name, version, detail } = await askName(rival);
    state[rival.id] = '';
    process.stdout.write(`${rival.id.padEnd(21)} ready    ${[name, version].join(' ')} (${detail})\n`);
  } catch (error) {
    state[rival.id] = failure ?? error.message;
    process.stdout.write(`${rival.id.padEnd(21)} missing  ${state[rival.id]}\n`);
  }
}
writeFileSync(stateFile, `${JSON.stringify(state, null, 2)}\n`);
