// Builds src/rpc/engine/wasm/pangea_rpc.wasm from native/rpc-wasm. The built file is committed, so only who changes the
// sources needs Rust with the target wasm32-unknown-unknown. Beside the module lies its record with the hash of its
// sources. `--check` builds nothing and tells whether the committed file is of the sources that are here (exit 0 or 1).
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const native = join(root, 'native');
const moduleFile = join(root, 'src', 'rpc', 'engine', 'wasm', 'pangea_rpc.wasm');
const recordFile = `${moduleFile}.json`;
const target = 'wasm32-unknown-unknown';
/** What decides on the bytes besides the sources; part of their hash. The most memory of an instance is that of a connection and its fragments. */
const settings = {
  rust: '-C target-feature=+bulk-memory -C link-arg=--max-memory=402653184 -C link-arg=-zstack-size=1048576 -C link-arg=--stack-first',
  profile: { PANIC: 'abort', LTO: 'fat', CODEGEN_UNITS: '1', OPT_LEVEL: '3' },
};

const digest = (content) => createHash('sha256').update(content).digest('hex');
const fail = (text) => {
  process.stderr.write(`build-rpc-wasm: ${text}\n`);
  process.exit(1);
};

if (process.argv.includes('--check')) check();
else build();

function check() {
  const record = JSON.parse(readFileSync(recordFile, 'utf8'));
  if (digest(readFileSync(moduleFile)) !== record.moduleHash) fail('the module is not the one that its record describes: run "node scripts/build-rpc-wasm.mjs"');
  if (sourceHash() !== record.sourceHash) fail('the sources have changed since the module was built: run "node scripts/build-rpc-wasm.mjs"');
}

function build() {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  const targetDirectory = resolve(process.env.CARGO_TARGET_DIR ?? join(native, 'target'));
  const done = spawnSync('cargo', ['build', '--release', '--locked', '--package', 'pangea-rpc-wasm', '--target', target], {
    cwd: native,
    stdio: 'inherit',
    env: {
      ...process.env,
      CARGO_TARGET_DIR: targetDirectory,
      // Paths of this machine have no place in a file that others get.
      RUSTFLAGS: `${settings.rust} --remap-path-prefix=${cargoHome}=cargo --remap-path-prefix=${native}=native`,
      ...Object.fromEntries(Object.entries(settings.profile).map(([name, value]) => [`CARGO_PROFILE_RELEASE_${name}`, value])),
    },
  });
  if (done.error) fail(`cargo does not start: ${done.error.message}`);
  if (done.status !== 0) process.exit(done.status ?? 1);
  const bytes = readFileSync(join(targetDirectory, target, 'release', 'pangea_rpc_wasm.wasm'));
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
  if (imports.length > 0) fail(`the module imports ${imports.map(({ module, name }) => `${module}.${name}`).join(', ')}; it must import nothing`);
  writeFileSync(moduleFile, bytes);
  const rustc = spawnSync('rustc', ['--version'], { encoding: 'utf8' }).stdout.trim();
  writeFileSync(recordFile, `${JSON.stringify({ sourceHash: sourceHash(), moduleHash: digest(bytes), bytes: bytes.length, rustc }, null, 2)}\n`);
  process.stdout.write(`${relative(root, moduleFile)}: ${bytes.length} bytes, no imports\n`);
}

/** Over what the bytes depend on: code without comments, tests and layout; what the crates ask for, by locked version; settings. */
function sourceHash() {
  const code = ['rpc', 'rpc-wasm'].flatMap((crate) => readdirSync(join(native, crate, 'src')).sort().map((file) => [crate, file, essence(readFileSync(join(native, crate, 'src', file), 'utf8'))]));
  return digest(JSON.stringify([settings, code, lockedVersions(['capnp', 'capnp-rpc', 'futures', 'thiserror'])]));
}

function essence(text) {
  return text.replace(/#\[cfg\(test\)\]\s*mod \w+ \{[\s\S]*$/, '').split('\n').filter((line) => !/^\s*\/\//.test(line)).join(' ').replaceAll(/\s+/g, ' ');
}

/** Name and version of `asked` and all that they need, from the lock file. */
function lockedVersions(asked) {
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
      const key = `${name} ${candidate.version}`;
      if ((version !== undefined && candidate.version !== version) || found.has(key)) continue;
      found.add(key);
      candidate.needs.forEach(visit);
    }
  };
  for (const name of asked) visit({ name });
  return [...found].sort();
}
