/** What the disk under a directory takes and gives, one stream, in blocks of 1 MiB. */
import { closeSync, constants, fsyncSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../src/std/std.ts';

const blockBytes = 2 ** 20;
const alignment = 4096;

export interface DiskCeiling {
  /** Bytes a second of each run, the fsync at the end counted in. */
  readonly write: readonly number[];
  readonly read: readonly number[];
  /** `O_DIRECT`, or why the page cache was used: then reading is the cache's rate, not the disk's. */
  readonly path: string;
}

/** Writes and reads a file of `megabytes` in a directory of its own, which is removed. */
export function measureDisk(directory: string, { megabytes, runs, seed }: { megabytes: number; runs: number; seed: number }): DiskCeiling {
  const place = mkdtempSync(join(directory, 'pangea-bench-disk-'));
  try {
    const file = join(place, 'ceiling');
    const { block, path } = directBlock(file, seed);
    const flag = path === 'O_DIRECT' ? constants.O_DIRECT : 0;
    const write: number[] = [];
    const read: number[] = [];
    for (let run = 0; run < runs; run++) {
      write.push(stream(file, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | flag, megabytes, (open, at) => writeSync(open, block, 0, blockBytes, at), fsyncSync));
      read.push(stream(file, constants.O_RDONLY | flag, megabytes, (open, at) => readSync(open, block, 0, blockBytes, at)));
    }
    return { write, read, path };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function stream(file: string, flags: number, megabytes: number, move: (open: number, at: number) => number, finish?: (open: number) => void): number {
  const open = openSync(file, flags);
  try {
    const start = performance.now();
    for (let block = 0; block < megabytes; block++) {
      const moved = move(open, block * blockBytes);
      if (moved !== blockBytes) throw new Error(`the disk moved ${moved} of ${blockBytes} bytes`);
    }
    finish?.(open);
    return (megabytes * blockBytes) / ((performance.now() - start) / 1000);
  } finally {
    closeSync(open);
  }
}

/** O_DIRECT wants aligned memory, and JavaScript cannot see an address: the place that fits is found by trying. */
function directBlock(file: string, seed: number): { block: Buffer; path: string } {
  const memory = Buffer.alloc(blockBytes + alignment);
  memory.set(seededRandom(seed).bytes(blockBytes));
  let open: number;
  try {
    open = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_DIRECT);
  } catch (error) {
    return { block: memory.subarray(0, blockBytes), path: `page cache: no O_DIRECT here (${(error as NodeJS.ErrnoException).code ?? 'unknown'})` };
  }
  try {
    for (let offset = 0; offset < alignment; offset += 8) {
      const block = memory.subarray(offset, offset + blockBytes);
      try {
        writeSync(open, block, 0, alignment, 0);
        return { block, path: 'O_DIRECT' };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
      }
    }
    return { block: memory.subarray(0, blockBytes), path: 'page cache: no memory fitted O_DIRECT' };
  } finally {
    closeSync(open);
  }
}
