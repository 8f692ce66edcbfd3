/** A headless Chromium on one page, with a profile of its own that goes with it. */
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const known = [
  '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable', '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-dev-shm-usage', '--remote-debugging-port=0',
];

/** Its path, or why there is none. */
export function findChromium(): { readonly path: string } | { readonly reason: string } {
  const named = process.env['CHROMIUM'];
  const path = (named === undefined ? known : [named]).find(isProgram);
  if (path !== undefined) return { path };
  return { reason: named === undefined ? 'no Chromium is installed: name one in CHROMIUM' : `CHROMIUM=${named} cannot be run` };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Browser {
  /** Settles with what it wrote to stderr when it ends by itself. */
  readonly ended: Promise<string>;
  close(): Promise<void>;
}

export function openPage(chromium: string, address: string): Browser {
  const profile = mkdtempSync(join(tmpdir(), 'pangea-browser-'));
  // A group of its own, so that all of its processes end with it.
  const child = spawn(chromium, [...flags, `--user-data-dir=${profile}`, address], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text = (text + chunk.toString()).slice(-4000)));
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', () => resolve(text));
  });
  return {
    ended,
    async close() {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
