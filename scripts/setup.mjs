// Everything a fresh clone needs, safe to repeat: npm packages, Node 24, the native addon, the command's link.
// Plain JavaScript on any Node from 20.6, because it runs before anything is installed.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
const stampFile = join(modules, '.cache', 'pangea-setup.json');
const minimumRust = [1, 95];

const say = (text) => process.stderr.write(`setup: ${text}\n`);
const fail = (text) => {
  process.stderr.write(`setup: ${text}\n`);
  process.exit(1);
};

const stamps = readStamps();
installPackages();
checkNode24();
linkCommand();
buildNative();

function readStamps() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    return {};
  }
}

function remember(name, value) {
  stamps[name] = value;
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, JSON.stringify(stamps));
}

function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, shell: process.platform === 'win32', ...options });
}

function installPackages() {
  const wanted = hashFiles(['package.json', 'package-lock.json']);
  if (stamps.packages === wanted && existsSync(join(modules, 'yargs'))) return;
  if (run('npm', ['--version']).error) fail('npm is missing: install Node.js 20.6 or newer with npm');
  say('installing npm packages …');
  // Install scripts stay off: every package that needs a binary carries it, and Node 24 is placed by the next step.
  // Not `npm ci`: it refuses a registry that lacks a binary of some other platform, although nobody here would load it.
  const done = run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'], { stdio: ['ignore', 'ignore', 'pipe'] });
  if (done.status !== 0) fail(`npm install failed:\n${done.stderr ?? ''}`);
  remember('packages', wanted);
}

function checkNode24() {
  const place = join(modules, 'node');
  const binary = join(place, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (!existsSync(binary)) {
    say('installing Node.js 24 beside the project …');
    const done = run(process.execPath, ['installArchSpecificPackage.js'], { cwd: place });
    if (!existsSync(binary) && Number(process.versions.node.split('.')[0]) < 24) {
      fail(`Node.js 24 could not be installed from the npm package "node" (${(done.stderr ?? '').trim()}): install Node.js 24 or newer and run this again`);
    }
  }
  const link = join(modules, '.bin', 'node');
  if (existsSync(binary) && process.platform !== 'win32' && !existsSync(link)) symlinkSync(join('..', 'node', 'bin', 'node'), link);
}

function linkCommand() {
  const link = join(modules, '.bin', 'pangea-node');
  if (process.platform === 'win32' || existsSync(link)) return;
  rmSync(link, { force: true });
  symlinkSync(join('..', '..', 'bin', 'pangea-node.js'), link);
}

function buildNative() {
  if (process.env.PANGEA_NATIVE === 'off') return;
  const addon = join(root, 'src', 'native', 'pangea.node');
  const rust = /^rustc (\d+)\.(\d+)/.exec(run('rustc', ['--version']).stdout ?? '');
  const missing = !rust || run('cargo', ['--version']).status !== 0
    ? 'no Rust toolchain (cargo) found'
    : Number(rust[1]) < minimumRust[0] || (Number(rust[1]) === minimumRust[0] && Number(rust[2]) < minimumRust[1])
      ? `Rust ${rust[1]}.${rust[2]} is too old, ${minimumRust.join('.')} is needed`
      : run('cc', ['--version']).error
        ? 'no C compiler (cc) found, which zstd and ring need'
        : undefined;
  if (missing) {
    if (!existsSync(addon)) say(`${missing}: the node runs on its portable paths, slower but complete. Install it and run "npm run setup" for the native ones.`);
    return;
  }
  const wanted = `${rust[0]} ${hashFiles(nativeSources())}`;
  if (stamps.native === wanted && existsSync(addon)) return;
  say('building the native addon (some minutes the first time) …');
  const quiet = !process.stderr.isTTY && !process.env.CI;
  const done = run(existsSync(join(modules, '.bin', 'node')) ? join(modules, '.bin', 'node') : process.execPath, [join('scripts', 'build-native.mjs')], quiet ? {} : { stdio: ['ignore', 2, 2] });
  if (done.status !== 0) {
    fail(`the native addon did not build. ${quiet ? `Last lines:\n${(done.stderr ?? '').split('\n').slice(-30).join('\n')}\n` : ''}Run with PANGEA_NATIVE=off to use the portable paths instead.`);
  }
  remember('native', wanted);
}

function nativeSources(folder = 'native') {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'target' ? [] : nativeSources(path);
    return /\.(rs|toml|lock)$/.test(entry.name) ? [path] : [];
  }).sort();
}

function hashFiles(paths) {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(`${path}\0`).update(readFileSync(join(root, path))).update('\0');
  return hash.digest('hex');
}
