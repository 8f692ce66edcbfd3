// Builds the addon into src/native/pangea.node and generates src/native/addon.d.ts from the Rust source.
// `--features ces,store` builds only those parts, for quick work on one of them.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cli = join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js');
const features = process.argv.includes('--features') ? process.argv[process.argv.indexOf('--features') + 1] : undefined;
const output = process.env.PANGEA_NATIVE_OUT ?? join(root, 'src', 'native');

const args = [
  cli, 'build', '--release', '--no-js', '--dts', 'addon.d.ts',
  '--manifest-path', join(root, 'native', 'addon', 'Cargo.toml'),
  '--package-json-path', join(root, 'package.json'),
  '--output-dir', output,
];
if (process.env.CARGO_TARGET_DIR) args.push('--target-dir', process.env.CARGO_TARGET_DIR);
if (features) args.push('--no-default-features', '--features', features);
args.push('--', '--locked');
const done = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
process.exit(done.status ?? 1);
