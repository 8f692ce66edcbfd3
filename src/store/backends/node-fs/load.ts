/** From a directory to an index: checkpoint first, then what was appended behind it. */
import { readFile, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PangeaError } from '../../../errors/errors.ts';
import { type Checkpoint, checkpointFile, decodeCheckpoint } from './checkpoint.ts';
import { disk } from './disk-error.ts';
import { type Home, syncDirectory } from './home.ts';
import { alignment, decodeVolumeHeader, encodeVolumeHeader, recordBytes, volumeHeaderBytes } from './record.ts';
import { scanVolume } from './scan.ts';
import { ShardIndex } from './shard-index.ts';
import { type OpenVolumeFile, Volume, volumeNumber } from './volume.ts';

export interface Loaded {
  readonly index: ShardIndex;
  nextSequence: number;
  nextNumber: number;
  /** The volume to go on with, if one has room. */
  active: Volume | undefined;
  /** What is not as it was left, a line each. */
  readonly damage: string[];
}

export async function loadIndex(home: Home, volumeBytes: number, openFile: OpenVolumeFile | undefined): Promise<Loaded> {
  const loaded: Loaded = { index: new ShardIndex(), nextSequence: 1, nextNumber: 1, active: undefined, damage: [] };
  try {
    await load(home, volumeBytes, openFile, loaded);
    return loaded;
  } catch (error) {
    for (const tally of loaded.index.volumes.values()) await tally.file.retire();
    throw error;
  }
}

async function load(home: Home, volumeBytes: number, openFile: OpenVolumeFile | undefined, loaded: Loaded): Promise<void> {
  const names = await disk('list', home.directory, () => readdir(home.directory));
  const numbers = names.map(volumeNumber).filter((number) => number !== undefined).sort((a, b) => a - b);
  const bytes = await readFile(join(home.directory, checkpointFile)).catch(() => undefined);
  const known = bytes && decodeCheckpoint(bytes, home.set);
  for (const number of numbers) {
    loaded.nextNumber = number + 1;
    await openVolume(home, number, known, openFile, loaded);
  }
  if (known) applyCheckpoint(known, loaded);
  for (const [position, number] of numbers.entries()) {
    // A volume is synced before the next one begins, so without a checkpoint only the last can hold torn records.
    const verify = known !== undefined || position + 1 === numbers.length;
    await scanRest(home, number, known?.volumes.get(number) ?? volumeHeaderBytes, verify, loaded);
  }
  const last = loaded.index.volumes.get(numbers.at(-1) ?? 0);
  if (last && last.totalBytes < volumeBytes && last.totalBytes % alignment === 0) loaded.active = last.file;
}

async function openVolume(
  home: Home, number: number, known: Checkpoint | undefined, openFile: OpenVolumeFile | undefined, loaded: Loaded,
): Promise<void> {
  const file = await Volume.open(home.directory, number, false, openFile);
  const length = await file.length();
  if (length >= volumeHeaderBytes) {
    loaded.index.addVolume(file, length);
    await checkHeader(home, file, loaded.damage);
    return;
  }
  await file.retire();
  if (known?.volumes.has(number)) return;
  // Made just before a crash: it never held a record.
  await disk('unlink', file.path, () => unlink(file.path));
  await syncDirectory(home.directory);
}

async function checkHeader(home: Home, file: Volume, damage: string[]): Promise<void> {
  const expected = encodeVolumeHeader({ set: home.set, volume: file.number });
  const header = await file.read(0, volumeHeaderBytes);
  if (header.equals(expected)) return;
  const found = decodeVolumeHeader(header);
  if (found) throw new PangeaError('STORE_FOREIGN', `${file.path} is volume ${found.volume} of another set or name`);
  // Torn at its making, or damaged since. The place is known from the marker and the name.
  if (header.some((byte) => byte !== 0)) damage.push(`volume ${file.number}: damaged header, written anew`);
  await file.write([expected], 0);
  await file.sync();
}

function applyCheckpoint(known: Checkpoint, loaded: Loaded): void {
  const { index } = loaded;
  const lost = new Map<number, number>();
  loaded.nextSequence = known.nextSequence;
  for (const entry of known.entries) {
    loaded.nextSequence = Math.max(loaded.nextSequence, entry.sequence + 1);
    const length = index.volumes.get(entry.volume)?.totalBytes ?? 0;
    if (entry.offset + recordBytes(entry.length) <= length) index.apply(entry);
    else lost.set(entry.volume, (lost.get(entry.volume) ?? 0) + 1);
  }
  for (const [number, position] of known.volumes) {
    loaded.nextNumber = Math.max(loaded.nextNumber, number + 1);
    const length = index.volumes.get(number)?.totalBytes;
    const records = lost.get(number) ?? 0;
    if (length === undefined) loaded.damage.push(`volume ${number}: the file is gone, with ${records} records`);
    else if (length < position) loaded.damage.push(`volume ${number}: ${position - length} bytes are cut off, with ${records} records`);
  }
}

async function scanRest(home: Home, number: number, from: number, verify: boolean, loaded: Loaded): Promise<void> {
  const tally = loaded.index.volumes.get(number);
  if (tally === undefined || from >= tally.totalBytes) return;
  const { file, totalBytes } = tally;
  const scan = await scanVolume(file, { set: home.set, volume: number }, from, totalBytes, verify, (offset, header) => {
    loaded.nextSequence = Math.max(loaded.nextSequence, header.sequence + 1);
    loaded.index.apply({ ...header, volume: number, offset });
  });
  for (const hole of scan.damage) loaded.damage.push(`volume ${number}: ${hole.length} damaged bytes at ${hole.offset}`);
  if (scan.end < totalBytes) {
    await file.truncate(scan.end);
    loaded.index.resizeVolume(number, scan.end);
  }
  // What a killed process had written is only in memory until now, and the next checkpoint will call it durable.
  await file.sync();
}
