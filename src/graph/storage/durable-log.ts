/**
 * A look through LevelDB's log before LevelDB opens it. LevelDB leaves out records with a wrong checksum, and what follows
 * them in their block, without a word: acknowledged writes would be gone in silence. Format: `doc/log_format.md` of LevelDB.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PangeaError } from '../../errors/errors.ts';

const blockBytes = 32_768;
const headerBytes = 7;
/** FULL, FIRST, MIDDLE, LAST. */
const lastType = 4;

/**
 * Fails with STORE_CORRUPT where a damaged record stands before a sound one. One at the very end is what a crash within a write
 * leaves, which nobody was told is stored: each write is synced before the next begins.
 */
export async function checkLogs(directory: string): Promise<void> {
  const logs = (await readdir(directory)).filter((name) => /^\d+\.log$/.test(name)).sort();
  let damaged: string | undefined;
  for (const name of logs) {
    for (const sound of records(await readFile(join(directory, name)))) {
      if (!sound) damaged ??= name;
      else if (damaged !== undefined) {
        throw new PangeaError('STORE_CORRUPT', `graph store ${directory}: ${damaged} is damaged before its end, acknowledged writes are lost; restore a backup, or move that file away to go on without what it holds`, { data: { file: damaged } });
      }
    }
  }
}

/** Whether each record is sound. Behind a damaged one the search goes on where it ends if its length is right, else in the next block. */
function* records(log: Buffer): IterableIterator<boolean> {
  for (let start = 0; start < log.length; start += blockBytes) {
    const block = log.subarray(start, start + blockBytes);
    for (let at = 0; at + headerBytes <= block.length;) {
      const length = block.readUInt16LE(at + 4);
      const type = block[at + 6] as number;
      const end = at + headerBytes + length;
      // LevelDB fills the rest of a block with zeros.
      if (type === 0 && length === 0 && block.readUInt32LE(at) === 0) break;
      const whole = end <= block.length && type <= lastType;
      yield whole && masked(crc32c(block.subarray(at + 6, end))) === block.readUInt32LE(at);
      if (!whole) break;
      at = end;
    }
  }
}

/** LevelDB stores checksums rotated and shifted, so that a checksum over bytes that hold checksums stays good. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli), which Node does not have. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
