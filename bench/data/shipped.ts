/** Data that the machine or this package ships. Files are taken in the order of their names, so one machine gives the same bytes twice. */
import { closeSync, openSync, readdirSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pieceBytes = 256 * 1024;
const licences = '/usr/share/common-licenses';
const manuals = '/usr/share/man/man1';
const libraries = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'];

interface Shipped {
  readonly origin: string;
  readonly bytes: Uint8Array;
}

/** Licences and manual pages of the machine, else the documents of this package. `sample` is what a model may learn words from. */
export function manual(bytes: number): Shipped & { readonly sample: string } {
  const own = [join(root, 'LICENSE'), ...walk(join(root, 'docs'), /\.md$/, 200), join(root, 'ARCHITECTURE.md'), join(root, 'README.md')];
  const sample = own.map((path) => tryRead(path).toString('utf8')).join('\n');
  const text = take(contents([...list(licences), ...list(manuals).filter((path) => path.endsWith('.gz'))]), bytes);
  if (text.length === 0) return { origin: 'the documents of this package', bytes: take([Buffer.from(sample)], bytes), sample };
  return { origin: 'licences and manual pages of the machine', bytes: text, sample };
}

/** TypeScript and JavaScript of this package and of what it depends on, over and over when there is not enough. */
export function sourceCode(bytes: number): Shipped {
  const files = [...walk(join(root, 'src'), /\.ts$/, 2_000), ...walk(join(root, 'node_modules'), /\.(?:js|mjs|ts)$/, 3_000)];
  return { origin: 'src and node_modules of this package', bytes: filled(contents(files), bytes) };
}

/** The program that runs this, and the shared libraries of the machine, by turns of 256 KiB. */
export function binaries(bytes: number): Shipped {
  const found = libraries.flatMap((directory) => list(directory).filter((path) => /\.so[.\d]*$/.test(path)));
  const files = [process.execPath, ...new Set(found.map((path) => realpathSync(path)))].slice(0, 48);
  return { origin: `node and ${files.length - 1} shared libraries`, bytes: filled(turns(files), bytes) };
}

/** What is compressed already: PNG images where the machine has some, and gzip of the binaries. */
export function compressedMedia(bytes: number): Shipped {
  const images = ['/usr/share/icons', '/usr/share/pixmaps', '/usr/share/doc'].flatMap((directory) => walk(directory, /\.(?:png|jpe?g)$/, 400));
  const pictures = take(contents(images), bytes / 4);
  const packed = gzipSync(binaries(Math.min(bytes * 2, 32 * 2 ** 20)).bytes, { level: 6 });
  return { origin: `${images.length} images of the machine (${pictures.length} bytes), gzip of the binaries`, bytes: filled([pictures, packed], bytes) };
}

/** One file after the other, read when its turn comes; what is packed is unpacked. */
function* contents(files: readonly string[]): Generator<Buffer> {
  for (const path of files) yield path.endsWith('.gz') ? tryUnzip(tryRead(path)) : tryRead(path);
}

function* turns(files: readonly string[]): Generator<Buffer> {
  const buffer = Buffer.alloc(pieceBytes);
  for (let offset = 0; offset < 16 * pieceBytes; offset += pieceBytes) {
    for (const path of files) {
      const length = tryReadAt(path, buffer, offset);
      if (length > 0) yield Buffer.from(buffer.subarray(0, length));
    }
  }
}

/** The pieces joined, at most `bytes` of them. */
function take(pieces: Iterable<Buffer>, bytes: number): Buffer {
  const taken: Buffer[] = [];
  let left = Math.floor(bytes);
  for (const piece of pieces) {
    if (left <= 0) break;
    taken.push(piece.subarray(0, left));
    left -= piece.length;
  }
  return Buffer.concat(taken);
}

/** The pieces joined and repeated to exactly `bytes`. */
function filled(pieces: Iterable<Buffer>, bytes: number): Buffer {
  const once = take(pieces, bytes);
  return Buffer.alloc(bytes, once.length === 0 ? 'pangea' : once);
}

function walk(directory: string, name: RegExp, limit: number): string[] {
  const found: string[] = [];
  const waiting = [directory];
  for (let next = waiting.shift(); next !== undefined && found.length < limit; next = waiting.shift()) {
    const [folders, files] = [[] as string[], [] as string[]];
    for (const path of list(next)) (isFolder(path) ? folders : files).push(path);
    found.push(...files.filter((path) => name.test(path)));
    waiting.unshift(...folders);
  }
  return found.slice(0, limit);
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort().map((name) => join(directory, name));
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** What cannot be read is left out: the hash in the record tells what was taken. */
function tryRead(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

function tryReadAt(path: string, buffer: Buffer, offset: number): number {
  try {
    const file = openSync(path, 'r');
    try {
      return readSync(file, buffer, 0, buffer.length, offset);
    } finally {
      closeSync(file);
    }
  } catch {
    return 0;
  }
}

function tryUnzip(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes);
  } catch {
    return Buffer.alloc(0);
  }
}
