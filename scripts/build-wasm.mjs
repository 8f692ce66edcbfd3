// Builds src/codec/backends/wasm/pangea_ces.wasm from native/wasm. The built file is committed, so only who changes the
// sources needs the tools: Rust with the target wasm32-unknown-unknown, and a clang that knows wasm32 (for zstd).
// Beside the module lies pangea_ces.wasm.json with the hash of its sources and what it was built with. `--check` builds
// nothing and tells whether the committed file is of the sources that are here (exit 0 or 1); `--hash` prints their hash.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const native = join(root, 'native');
const moduleFile = join(root, 'src', 'codec', 'backends', 'wasm', 'pangea_ces.wasm');
const recordFile = `${moduleFile}.json`;
const target = 'wasm32-unknown-unknown';

/** What decides on the bytes besides the sources; part of their hash. */
const settings = {
  rust: '-C target-feature=+simd128,+bulk-memory',
  c: '-O2 -msimd128 -mbulk-memory',
  profile: { PANIC: 'abort', LTO: 'fat', CODEGEN_UNITS: '1' },
  // The stack lies below the data, so that running over its end traps. No call needs 1 GiB: zstd at level 22 takes 0.7.
  link: ['--no-entry', '--gc-sections', '--strip-all', '-O3', '--stack-first', '-z', 'stack-size=1048576', '--max-memory=1073741824'],
};
/** Compiled with the crate, but left out by the linker. */
const unused = ['ces/src/measure.rs', 'ces/src/selftest.rs'];

const fail = (text) => {
  process.stderr.write(`build-wasm: ${text}\n`);
  process.exit(1);
};

if (process.argv.includes('--check')) check();
else if (process.argv.includes('--hash')) process.stdout.write(`${sourceHash(readRecord().sources)}\n`);
else build();

function readRecord() {
  if (!existsSync(moduleFile) || !existsSync(recordFile)) fail(`${relative(root, moduleFile)} or its record is missing: run "npm run build:wasm"`);
  return JSON.parse(readFileSync(recordFile, 'utf8'));
}

function check() {
  const record = readRecord();
  if (digest(readFileSync(moduleFile)) !== record.moduleHash) fail('the module is not the one that its record describes: run "npm run build:wasm"');
  if (sourceHash(record.sources) !== record.sourceHash) fail('the sources have changed since the module was built: run "npm run build:wasm"');
}

function build() {
  const tools = findTools();
  const archive = compile(tools);
  // Only our own functions are exported; all else that nothing calls is dropped.
  const exports = readdirSync(join(native, 'wasm', 'src')).flatMap((file) =>
    [...readFileSync(join(native, 'wasm', 'src', file), 'utf8').matchAll(/extern "C" fn (\w+)/g)].map((match) => `--export=${match[1]}`)).sort();
  run(tools.linker, [...tools.linkerArguments, ...settings.link, ...exports, archive, '-o', moduleFile]);

  const bytes = readFileSync(moduleFile);
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
  if (imports.length > 0) fail(`the module imports ${imports.map(({ module, name }) => `${module}.${name}`).join(', ')}; it must import nothing`);
  const sources = sourcesOf(archive);
  const record = { sourceHash: sourceHash(sources), moduleHash: digest(bytes), bytes: bytes.length, rustc: tools.rustc, clang: tools.clang, sources };
  writeFileSync(recordFile, `${JSON.stringify(record, null, 2)}\n`);
  process.stdout.write(`${relative(root, moduleFile)}: ${bytes.length} bytes, no imports, ${exports.length} functions\n`);
}

function findTools() {
  const rustc = output('rustc', ['--version']) ?? fail('there is no rustc: install Rust 1.95 or newer');
  const sysroot = output('rustc', ['--print', 'sysroot']) ?? '';
  const host = /host: (\S+)/.exec(output('rustc', ['-vV']) ?? '')?.[1] ?? '';
  if (!existsSync(join(sysroot, 'lib', 'rustlib', target))) fail(`the target is not installed: run "rustup target add ${target}"`);
  const compiler = process.env.CLANG ?? 'clang';
  if (!/\bwasm32\b/.test(output(compiler, ['--print-targets']) ?? '')) fail(`${compiler} is missing or does not know wasm32: install clang, or name one in CLANG`);
  const archiver = output(compiler, ['--print-prog-name=llvm-ar']);
  if (!archiver || output(archiver, ['--version']) === undefined) fail('there is no llvm-ar: install llvm');
  // Rust brings its linker along; it fits the object files that this rustc writes.
  const bundled = join(sysroot, 'lib', 'rustlib', host, 'bin', 'rust-lld');
  const linker = existsSync(bundled) ? bundled : 'wasm-ld';
  if (linker === 'wasm-ld' && output(linker, ['--version']) === undefined) fail('there is neither rust-lld nor wasm-ld: install lld');
  return { rustc, clang: output(compiler, ['--version'])?.split('\n')[0], compiler, archiver, linker, linkerArguments: linker === bundled ? ['-flavor', 'wasm'] : [] };
}

function compile({ compiler, archiver }) {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  const targetDirectory = resolve(process.env.CARGO_TARGET_DIR ?? join(native, 'target'));
  const underscored = target.replaceAll('-', '_');
  run('cargo', ['build', '--release', '--locked', '--package', 'pangea-wasm', '--target', target], {
    cwd: native,
    env: {
      ...process.env,
      CARGO_TARGET_DIR: targetDirectory,
      // Paths of this machine have no place in a file that others get.
      RUSTFLAGS: `${settings.rust} --remap-path-prefix=${cargoHome}=cargo --remap-path-prefix=${native}=native`,
      ...Object.fromEntries(Object.entries(settings.profile).map(([name, value]) => [`CARGO_PROFILE_RELEASE_${name}`, value])),
      [`CC_${underscored}`]: compiler,
      [`AR_${underscored}`]: archiver,
      [`CFLAGS_${underscored}`]: settings.c,
    },
  });
  return join(targetDirectory, target, 'release', 'libpangea_wasm.a');
}

/** The files that the compiler has read, as it lists them itself, by path from `native`. */
function sourcesOf(archive) {
  const listed = readFileSync(archive.replace(/\.a$/, '.d'), 'utf8').replace(/^.*?: /, '').trim().split(/(?<!\\) /);
  return listed.map((path) => relative(native, path.replaceAll('\\ ', ' '))).filter((path) => !unused.includes(path)).sort();
}

/** Over what the bytes depend on: code without comments, tests and layout; dependencies by version; settings. */
function sourceHash(sources) {
  const code = sources.map((path) => [path, existsSync(join(native, path)) ? essence(readFileSync(join(native, path), 'utf8')) : 'gone']);
  return digest(JSON.stringify([settings, code, manifests(), lockedVersions()]));
}

function essence(text) {
  return text.replace(/#\[cfg\(test\)\]\s*mod \w+ \{[\s\S]*$/, '').split('\n').filter((line) => !/^\s*\/\//.test(line)).join(' ').replaceAll(/\s+/g, ' ');
}

/** What the two crates ask for, and in which form. */
function manifests() {
  const section = (file, pattern) => [...readFileSync(join(native, file), 'utf8').matchAll(/^\[([^\]\n]+)\]\n((?:(?!\[).*\n?)*)/gm)]
    .filter((match) => pattern.test(match[1])).flatMap((match) => match[2].split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#')));
  const own = ['ces/Cargo.toml', 'wasm/Cargo.toml'].flatMap((file) => section(file, /^(features|lib|(target\..*wasm32.*\.)?dependencies)$/));
  const asked = directDependencies();
  const shared = section('Cargo.toml', /^workspace\.dependencies$/).filter((line) => asked.has(/^[\w-]+/.exec(line)?.[0]));
  return [...own, ...shared, ...section('Cargo.toml', /^profile\.release/)];
}

function directDependencies() {
  const lines = ['ces/Cargo.toml', 'wasm/Cargo.toml'].flatMap((file) =>
    [...readFileSync(join(native, file), 'utf8').matchAll(/^\[(?:target\..*wasm32.*\.)?dependencies\]\n((?:(?!\[).*\n?)*)/gm)].flatMap((match) => match[1].split('\n')));
  return new Set(lines.map((line) => /^[\w-]+/.exec(line)?.[0]).filter((name) => name !== undefined));
}

/** Name and version of all that the two crates are built with, from the lock file. */
function lockedVersions() {
  const packages = new Map();
  for (const block of readFileSync(join(native, 'Cargo.lock'), 'utf8').split('[[package]]')) {
    const [name, version] = [/^name = "(.*)"$/m.exec(block)?.[1], /^version = "(.*)"$/m.exec(block)?.[1]];
    if (name === undefined) continue;
    const needs = [...(/^dependencies = \[([\s\S]*?)^\]/m.exec(block)?.[1] ?? '').matchAll(/"([^" ]+)(?: ([^" ]+))?/g)].map((match) => ({ name: match[1], version: match[2] }));
    packages.set(name, [...(packages.get(name) ?? []), { version, needs }]);
  }
  const found = new Set();
  const visit = ({ name, version }) => {
    for (const candidate of packages.get(name) ?? []) {
      if (version !== undefined && candidate.version !== version) continue;
      const key = `${name} ${candidate.version}`;
      if (found.has(key)) continue;
      found.add(key);
      candidate.needs.forEach(visit);
    }
  };
  // Not from our own crates on: the lock file counts what only tests use among their dependencies.
  for (const name of directDependencies()) if (name !== 'pangea-ces') visit({ name });
  return [...found].sort();
}

function digest(content) {
  return createHash('sha256').update(content).digest('hex');
}

function output(command, args) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  return done.status === 0 ? done.stdout.trim() : undefined;
}

function run(command, args, options) {
  const done = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (done.error) fail(`${command} does not start: ${done.error.message}`);
  if (done.status !== 0) process.exit(done.status ?? 1);
}
