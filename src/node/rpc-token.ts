/** The secret that RPC callers show: 32 random bytes as base32 in `rpc-token` of the data directory, for its owner alone. */
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PangeaError } from '../errors/errors.ts';
import { toBase32 } from '../std/std.ts';
import { makeDataDirectory } from './disk.ts';

const tokenBytes = 32;
const shape = /^[a-z2-7]{52}$/;

export const rpcTokenPath = (dataDir: string): string => join(dataDir, 'rpc-token');

/** The token; made where there is none. Throws `KEY_FILE_EXPOSED`, `KEY_FILE_INVALID`, `STORE_IO`. */
export async function rpcToken(dataDir: string): Promise<string> {
  return (await readToken(dataDir)) ?? makeToken(dataDir, 'keep');
}

/** Another token from now on: the running node asks for it at the next login. Sessions that are open stay open. */
export function renewRpcToken(dataDir: string): Promise<string> {
  return makeToken(dataDir, 'replace');
}

async function readToken(dataDir: string): Promise<string | undefined> {
  const path = rpcTokenPath(dataDir);
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new PangeaError('KEY_FILE_INVALID', `cannot read ${path}: ${error.message}`, { cause: error, data: { path } });
  });
  if (file === undefined) return undefined;
  try {
    const { mode } = await file.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new PangeaError('KEY_FILE_EXPOSED', `${path} can be read by others (mode ${(mode & 0o777).toString(8)}): run "chmod 600 ${path}"`, { data: { path } });
    }
    const text = (await file.readFile('utf8')).trim();
    if (!shape.test(text)) throw new PangeaError('KEY_FILE_INVALID', `${path} holds no token: "pangea-node token --new" makes one`, { data: { path } });
    return text;
  } finally {
    await file.close();
  }
}

async function makeToken(dataDir: string, before: 'keep' | 'replace'): Promise<string> {
  await makeDataDirectory(dataDir);
  const path = rpcTokenPath(dataDir);
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const token = toBase32(randomBytes(tokenBytes));
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${token}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    // A link, unlike a rename, fails when the name is taken: of two first starts one makes the token, both read it.
    if (before === 'replace') await rename(temporary, path);
    else await link(temporary, path);
    return token;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const made = code === 'EEXIST' ? await readToken(dataDir) : undefined;
    if (made !== undefined) return made;
    throw new PangeaError(code === 'EACCES' || code === 'EROFS' ? 'STORE_READ_ONLY' : 'STORE_IO', `cannot write ${path}: ${message}`, { cause: error, data: { path } });
  } finally {
    await rm(temporary, { force: true });
  }
}
