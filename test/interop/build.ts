/** Builds the peers of other makes, each with what the machine has; what is missing is a reason. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run, type Program } from '../cabi/build.ts';

const root = join(import.meta.dirname, '..', '..');
const manifest = join(root, 'native', 'Cargo.toml');
const target = process.env['CARGO_TARGET_DIR'] ?? join(root, 'native', 'target');

/** Throws when the code does not compile: that is a failure of ours, not a lack of the machine. */
export function buildGoPeer(into: string): Program {
  if (run(['go', 'version']).code !== 0) return { missing: 'no Go toolchain' };
  if (run(['cc', '--version']).code !== 0) return { missing: 'cgo needs a C compiler' };
  const built = run(['go', 'build', '-C', join(import.meta.dirname, 'go'), '-o', into, '.'], undefined, { CGO_ENABLED: '1' });
  if (built.code !== 0) return orMissing(built.text, /dial tcp|no such host|connection refused|GOPROXY=off|i\/o timeout/, 'the Go modules are not here and cannot be fetched');
  return { command: [into] };
}

export function buildRustPeer(): Program {
  if (run(['cargo', '--version']).code !== 0) return { missing: 'no Rust toolchain' };
  const built = run(['cargo', 'build', '--release', '--locked', '-p', 'pangea-interop-peer', '--manifest-path', manifest]);
  const program = join(target, 'release', 'pangea-interop-peer');
  if (built.code !== 0 || !existsSync(program)) return orMissing(built.text, /Could not resolve host|failed to download|Couldn't connect/, 'the crates are not here and cannot be fetched');
  return { command: [program] };
}

function orMissing(text: string, unreachable: RegExp, reason: string): Program {
  if (unreachable.test(text)) return { missing: reason };
  throw new Error(text);
}
