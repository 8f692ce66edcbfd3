/** Builds the library and the programs that call it, each with what the machine has; what is missing is a reason. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const include = join(root, 'native', 'cabi', 'include');
const target = process.env['CARGO_TARGET_DIR'] ?? join(root, 'native', 'target');
/** Where cargo puts the library. */
const libraryDirectory = join(target, 'release');
export const library = join(libraryDirectory, process.platform === 'darwin' ? 'libpangea_ces.dylib' : 'libpangea_ces.so');
const link = [`-L${libraryDirectory}`, '-lpangea_ces', `-Wl,-rpath,${libraryDirectory}`];
const buildTimeoutMs = 900_000;

/** A command and its first arguments, or why there is none. */
export type Program = { readonly command: readonly [string, ...string[]] } | { readonly missing: string };

export interface Run {
  readonly code: number;
  readonly out: Buffer;
  readonly text: string;
}

export function run(command: readonly [string, ...string[]], input?: Uint8Array, environment: NodeJS.ProcessEnv = {}): Run {
  const [file, ...args] = command;
  const done = spawnSync(file, args, {
    ...(input === undefined ? {} : { input }), env: { ...process.env, ...environment }, maxBuffer: 2 ** 28, timeout: buildTimeoutMs,
  });
  return { code: done.error === undefined ? (done.status ?? 128) : 127, out: done.stdout, text: String(done.stderr) };
}

function has(command: string, ...args: string[]): boolean {
  return run([command, ...args]).code === 0;
}

/** Throws when the library does not compile: that is a failure of ours, not a lack of the machine. */
export function buildLibrary(): { readonly missing: string } | undefined {
  if (process.platform === 'win32') return { missing: 'the interface is tested on Unix only' };
  if (!has('cargo', '--version')) return { missing: 'no Rust toolchain' };
  const manifest = join(root, 'native', 'Cargo.toml');
  const built = run(['cargo', 'build', '--release', '--locked', '-p', 'pangea-cabi', '--manifest-path', manifest]);
  if (built.code !== 0 || !existsSync(library)) throw new Error(`libpangea_ces does not build:\n${built.text}`);
  return undefined;
}

/** The C program; `flags` such as sanitizers that the compiler may not have are a reason to skip, code that does not compile is not. */
export function buildC(into: string, flags: readonly string[] = []): Program {
  if (!has('cc', '--version')) return { missing: 'no C compiler' };
  const probe = run(['cc', ...flags, '-x', 'c', '-', '-o', `${into}-probe`], Buffer.from('int main(void) { return 0; }'));
  if (probe.code !== 0 || run([`${into}-probe`]).code !== 0) return { missing: `the C compiler does not do ${flags.join(' ')}` };
  const sources = globSync(join(import.meta.dirname, 'c', '*.c'));
  const built = run(['cc', '-std=gnu11', '-O1', '-g', '-Wall', '-Wextra', '-Wshadow', '-Werror', ...flags, `-I${include}`, ...sources, '-o', into, '-pthread', ...link]);
  if (built.code !== 0) throw new Error(built.text);
  return { command: [into] };
}

export function buildGo(into: string): Program {
  if (!has('go', 'version')) return { missing: 'no Go toolchain' };
  if (!has('cc', '--version')) return { missing: 'cgo needs a C compiler' };
  const built = run(['go', 'build', '-C', join(import.meta.dirname, 'go'), '-o', into, '.'], undefined, { CGO_ENABLED: '1', CGO_LDFLAGS: link.join(' ') });
  if (built.code !== 0) throw new Error(built.text);
  return { command: [into] };
}

export function python(): Program {
  if (!has('python3', '-c', 'import ctypes')) return { missing: 'no Python with ctypes' };
  return { command: ['python3', join(import.meta.dirname, 'python', 'program.py'), library] };
}

/** The tests of the crate under a nightly compiler's AddressSanitizer, which sees the Rust side too. */
export function runRustTestsSanitized(): Run | { readonly missing: string } {
  const triple = /^host: (.+)$/m.exec(String(run(['rustc', '-vV']).out))?.[1];
  // Asked of rustup in a way that does not make it fetch one.
  const nightly = run(['cargo', '+nightly', '--version'], undefined, { RUSTUP_AUTO_INSTALL: '0' }).code === 0;
  if (triple === undefined || !nightly) return { missing: 'no nightly Rust' };
  if (!/^(x86_64|aarch64)-unknown-linux-gnu$/.test(triple)) return { missing: `no AddressSanitizer for ${triple}` };
  const manifest = join(root, 'native', 'Cargo.toml');
  return run(
    ['cargo', '+nightly', 'test', '--release', '--locked', '-p', 'pangea-cabi', '--manifest-path', manifest, '--target', triple, '--target-dir', join(target, 'sanitized')],
    undefined,
    { RUSTFLAGS: '-Zsanitizer=address', ASAN_OPTIONS: 'detect_leaks=1' },
  );
}
