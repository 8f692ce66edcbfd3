import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of the files of a directory, as they were when they were last counted: asking begins the next count. */
export function directorySize(directory: string): () => number {
  let bytes = 0;
  let counting = false;
  return () => {
    if (!counting) {
      counting = true;
      void count(directory).then((found) => { bytes = found; }).finally(() => { counting = false; });
    }
    return bytes;
  };
}

/** What is removed meanwhile counts as nothing. */
async function count(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const sizes = await Promise.all(names.map((name) => stat(join(directory, name)).then(({ size }) => size, () => 0)));
  return sizes.reduce((sum, size) => sum + size, 0);
}
