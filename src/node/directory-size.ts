import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** How much a store takes: counted for those who can wait, and as it was last counted for those who cannot. */
export interface StoredBytes {
  count(): Promise<number>;
  /** Begins another count. */
  last(): number;
}

/** Of the files of a directory, but not of directories in it. */
export function directorySize(directory: string): StoredBytes {
  let bytes = 0;
  let counting: Promise<number> | undefined;
  const count = (): Promise<number> => (counting ??= sizeOf(directory).then((found) => (bytes = found)).finally(() => { counting = undefined; }));
  return {
    count,
    last: () => {
      void count();
      return bytes;
    },
  };
}

/** What is removed meanwhile counts as nothing. */
async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const sizes = await Promise.all(names.map((name) => stat(join(directory, name)).then(({ size }) => size, () => 0)));
  return sizes.reduce((sum, size) => sum + size, 0);
}
