#!/usr/bin/env node
// Starts the command on a Node that runs TypeScript by type stripping: this one when it is new enough, otherwise the
// Node 24 that the project brings along. Plain JavaScript for any Node from 20.6.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../src/cli/cli.ts', import.meta.url));
const bundled = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
const quiet = ['--disable-warning=ExperimentalWarning'];
const [major, minor] = process.versions.node.split('.').map(Number);
const argv = [...quiet, program, ...process.argv.slice(2)];
// Stripped and compiled code is kept beside the packages: it halves the time of a short command.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url));

// `import.meta.main` tells the program that it is run and not imported; it came with 24.2.
const capable = major > 24 || (major === 24 && minor >= 2);
const node = capable ? process.execPath : bundled;

if (!capable && !existsSync(bundled)) {
  process.stderr.write(`pangea-node: NOT_SUPPORTED: Node.js ${process.versions.node} cannot run this program: run "npm run setup", or use Node.js 24.2 or newer\n`);
  process.exit(70);
}

if (typeof process.execve === 'function' && process.platform !== 'win32') {
  process.removeAllListeners('warning');
  process.emitWarning = () => {};
  process.execve(node, [node, ...argv], process.env);
}

// One process to be seen: it passes signals on and ends as the program ended.
const child = spawn(node, argv, { stdio: 'inherit' });
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
// On a terminal the program gets Ctrl-C twice then, at once; it counts two in quick succession as one.
const forward = (signal) => child.kill(signal);
for (const signal of signals) process.on(signal, forward);
child.on('error', (error) => {
  process.stderr.write(`pangea-node: INTERNAL: ${node} does not start: ${error.message}\n`);
  process.exit(70);
});
child.on('exit', (code, signal) => {
  for (const name of signals) process.off(name, forward);
  process.exit(signal === null ? code : 128 + constants.signals[signal]);
});
