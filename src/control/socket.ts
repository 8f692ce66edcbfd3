import { chmod, lstat, mkdtemp, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PangeaError } from '../errors/errors.ts';

/** `sun_path` has 104 bytes on macOS and 108 on Linux, with the closing zero. */
const maxPathBytes = 100;
const pointerName = 'control.path';

const directPath = (dataDir: string): string => join(dataDir, 'control.sock');
const fits = (path: string): boolean => Buffer.byteLength(path) <= maxPathBytes;

/** Where the node of this data directory listens, if one ever did. A long name is replaced by the one in `control.path`. */
export async function controlSocketPath(dataDir: string): Promise<string | undefined> {
  const direct = directPath(dataDir);
  if (fits(direct)) return direct;
  const pointed = await readFile(join(dataDir, pointerName), 'utf8').catch(() => '');
  return pointed !== '' && (await isOurs(dirname(pointed), dataDir)) ? pointed : undefined;
}

/**
 * The place is in a directory that all users share. When a killed node's was cleaned away, anybody can make it again and
 * wait there for what the owner puts.
 */
async function isOurs(directory: string, dataDir: string): Promise<boolean> {
  if (process.getuid === undefined) return true;
  try {
    const [found, data] = await Promise.all([lstat(directory), stat(dataDir)]);
    return found.isDirectory() && (found.mode & 0o077) === 0 && (found.uid === process.getuid() || found.uid === data.uid);
  } catch {
    return false;
  }
}

/** True when something accepts connections there. A socket file that a killed node left behind does not count. */
export async function isNodeRunning(dataDir: string): Promise<boolean> {
  const path = await controlSocketPath(dataDir);
  return path !== undefined && accepts(path);
}

/** Binds the server, replacing the socket of a killed node. Throws `NODE_ALREADY_RUNNING`. The caller holds the store's lock. */
export async function bindControlSocket(server: Server, dataDir: string): Promise<string> {
  const previous = await controlSocketPath(dataDir);
  if (previous !== undefined && (await accepts(previous))) {
    throw new PangeaError('NODE_ALREADY_RUNNING', `a node is already running on ${dataDir}`);
  }
  if (previous !== undefined) await releaseControlSocket(dataDir, previous);
  const direct = directPath(dataDir);
  const path = fits(direct) ? direct : await shortPath();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  await chmod(path, 0o600);
  if (path !== direct) await writeFile(join(dataDir, pointerName), path, { mode: 0o600 });
  return path;
}

/** Removes the socket and, for a short path, its directory and the pointer. */
export async function releaseControlSocket(dataDir: string, path: string): Promise<void> {
  await rm(path, { force: true });
  if (path === directPath(dataDir)) return;
  await rmdir(dirname(path)).catch(() => undefined);
  await rm(join(dataDir, pointerName), { force: true });
}

/** A directory of our own with mode 0700, so that nobody else can put a socket in its place. */
async function shortPath(): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'pangea-')), 'control.sock');
  if (fits(path)) return path;
  await rmdir(dirname(path));
  throw new PangeaError('CONFIG_INVALID', `no path short enough for the control socket: set TMPDIR to a shorter one than ${tmpdir()}`);
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EACCES' || error.code === 'EPERM'));
  });
}
