/** The one writer. It takes all waiting jobs at once, writes them gathered, and lets one fsync answer for all (group commit). */
import { stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PangeaError } from '../../../errors/errors.ts';
import type { RecordKey } from '../../store.ts';
import { checkpointFile, encodeCheckpoint } from './checkpoint.ts';
import { disk } from './disk-error.ts';
import { type Home, syncDirectory, writeDurably } from './home.ts';
import type { Loaded } from './load.ts';
import { type RecordHeader, alignment, encodeRecordHeader, encodeVolumeHeader, recordBytes, volumeHeaderBytes } from './record.ts';
import type { Entry, ShardIndex } from './shard-index.ts';
import { type OpenVolumeFile, Volume } from './volume.ts';

/** Payload bytes that one batch takes at most, so that one fsync does not grow without bound. */
const batchBytes = 32 * 1024 * 1024;
/** The index is written out after so many appended bytes, or eight times its own size if that is more. */
const checkpointBytes = 256 * 1024 * 1024;
const checkpointRatio = 8;
/** Space set aside so that records can be removed from a full disk, or nothing could ever make room. */
const reserveFile = 'reserve';
const reserveBytes = 64 * 1024;

export interface NewRecord {
  readonly key: RecordKey;
  readonly identity: Uint8Array;
  readonly payload: Uint8Array;
}

/** What can be asked of the writer. `copy` moves a record unless it has been replaced meanwhile; `seal` ends the volume. */
export type Job =
  | { readonly type: 'put'; readonly records: readonly NewRecord[]; readonly fsync: boolean }
  | { readonly type: 'remove'; readonly keys: readonly RecordKey[] }
  | { readonly type: 'copy'; readonly records: readonly { readonly entry: Entry; readonly payload: Uint8Array }[] }
  | { readonly type: 'sync' }
  | { readonly type: 'seal' }
  | { readonly type: 'reclaim'; readonly volume: number };

interface Waiting {
  readonly job: Job;
  readonly settle: (error?: PangeaError) => void;
  error?: PangeaError | undefined;
}

interface Planned {
  readonly waiting: Waiting;
  readonly header: RecordHeader;
  readonly payload: Uint8Array;
}

interface Batch {
  readonly begun: Waiting[];
  planned: Planned[];
  plannedBytes: number;
}

export interface AppenderOptions {
  readonly volumeBytes: number;
  readonly quotaBytes: number | undefined;
  readonly openFile: OpenVolumeFile | undefined;
}

export class Appender {
  readonly #home: Home;
  readonly #index: ShardIndex;
  readonly #options: AppenderOptions;
  readonly #queue: Waiting[] = [];
  #running: Promise<void> | undefined;
  #active: { readonly file: Volume; length: number; syncedLength: number } | undefined;
  #nextSequence: number;
  #nextNumber: number;
  /** Written since the last fsync, with what each replaced, so that a failed fsync can be undone. */
  #unsynced: { readonly entry: Entry; readonly replaced: Entry | undefined }[] = [];
  /** A failed fsync took records whose callers had already gone: the next `sync` must say so. */
  #lost: PangeaError | undefined;
  #sinceCheckpointBytes = 0;
  #lastCheckpointBytes = 0;

  constructor(home: Home, loaded: Loaded, options: AppenderOptions) {
    this.#home = home;
    this.#index = loaded.index;
    this.#options = options;
    this.#nextSequence = loaded.nextSequence;
    this.#nextNumber = loaded.nextNumber;
    const length = loaded.active && loaded.index.volumes.get(loaded.active.number)?.totalBytes;
    if (loaded.active && length !== undefined) this.#active = { file: loaded.active, length, syncedLength: length };
  }

  submit(job: Job): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, settle: (error) => (error ? reject(error) : resolve()) });
      this.#running ??= this.#run();
    });
  }

  /** Finishes what waits and leaves everything on disk. Nothing may be submitted afterwards. */
  async close(): Promise<void> {
    await this.#running;
    if ((await this.#sync()) === undefined) await this.#writeCheckpoint();
  }

  async #run(): Promise<void> {
    // A turn of the event loop later everything that was submitted in this one shares the batch.
    await new Promise(setImmediate);
    while (this.#queue.length > 0) await this.#work(this.#take());
    this.#running = undefined;
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { job } of this.#queue) {
      if (job.type === 'put') for (const record of job.records) bytes += recordBytes(record.payload.length);
      if (count > 0 && bytes > batchBytes) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #work(jobs: readonly Waiting[]): Promise<void> {
    const batch: Batch = { begun: [], planned: [], plannedBytes: 0 };
    for (const waiting of jobs) await this.#plan(batch, waiting);
    await this.#flush(batch);
    if (batch.begun.some(({ job, error }) => error === undefined && isDurable(job))) await this.#syncFor(batch);
    for (const waiting of jobs) waiting.settle(waiting.error);
    if (this.#unsynced.length > 0) return;
    await this.#reclaimDead();
    if (this.#sinceCheckpointBytes > Math.max(checkpointBytes, this.#lastCheckpointBytes * checkpointRatio)) {
      await this.#writeCheckpoint();
    }
  }

  async #plan(batch: Batch, waiting: Waiting): Promise<void> {
    const { job } = waiting;
    if (job.type !== 'put' && job.type !== 'sync') await this.#flush(batch);
    batch.begun.push(waiting);
    switch (job.type) {
      case 'put':
        for (const { key, identity, payload } of job.records) {
          const header = { key, sequence: this.#nextSequence++, identity, length: payload.length, removal: false };
          waiting.error ??= this.#quotaError(batch, recordBytes(payload.length));
          await this.#planRecord(batch, { waiting, header, payload });
        }
        return;
      case 'remove':
        for (const key of job.keys) {
          if (this.#index.live(key) === undefined) continue;
          const header = { key, sequence: this.#nextSequence++, identity: new Uint8Array(32), length: 0, removal: true };
          await this.#planRecord(batch, { waiting, header, payload: new Uint8Array(0) });
        }
        return;
      case 'copy':
        for (const { entry, payload } of job.records) {
          if (this.#index.entry(entry.key) === entry) await this.#planRecord(batch, { waiting, header: entry, payload });
        }
        return;
      case 'sync':
        if (this.#lost) waiting.error = this.#lost;
        this.#lost = undefined;
        return;
      case 'seal':
        return this.#seal(batch);
      case 'reclaim':
        await this.#syncFor(batch);
        if (!waiting.error) await this.#reclaim(job.volume).catch((error: PangeaError) => { waiting.error = error; });
    }
  }

  #quotaError(batch: Batch, bytes: number): PangeaError | undefined {
    const quota = this.#options.quotaBytes;
    if (quota === undefined || this.#index.totalBytes + batch.plannedBytes + bytes <= quota) return undefined;
    return new PangeaError('STORE_FULL', `the quota of ${quota} bytes is used up`);
  }

  /** Takes a record into the next gathered write. A job that has failed writes nothing more: order is promised. */
  async #planRecord(batch: Batch, planned: Planned): Promise<void> {
    const bytes = recordBytes(planned.header.length);
    if ((this.#active?.length ?? 0) + batch.plannedBytes + bytes > this.#options.volumeBytes) {
      await this.#flush(batch);
      if (this.#active && this.#active.length > volumeHeaderBytes) await this.#seal(batch);
    }
    if (planned.waiting.error) return;
    try {
      await this.#ensureActive();
    } catch (error) {
      planned.waiting.error = error as PangeaError;
      return;
    }
    batch.plannedBytes += bytes;
    batch.planned.push(planned);
  }

  async #ensureActive(): Promise<void> {
    if (this.#active) return;
    const number = this.#nextNumber;
    const file = await Volume.open(this.#home.directory, number, true, this.#options.openFile);
    this.#nextNumber++;
    try {
      await file.write([encodeVolumeHeader({ set: this.#home.set, volume: number })], 0);
      await file.sync();
      await syncDirectory(this.#home.directory);
    } catch (error) {
      await file.retire();
      await unlink(file.path).catch(() => undefined);
      throw error;
    }
    this.#index.addVolume(file, volumeHeaderBytes);
    this.#active = { file, length: volumeHeaderBytes, syncedLength: volumeHeaderBytes };
  }

  /** Writes what is planned. On a full disk the records are tried one by one, so that those which fit still go. */
  async #flush(batch: Batch): Promise<void> {
    const { planned } = batch;
    batch.planned = [];
    batch.plannedBytes = 0;
    if (planned.length === 0) return;
    let error = await this.#write(planned);
    if (error?.code === 'STORE_FULL' && planned.some(({ header }) => header.removal) && (await this.#giveReserve())) {
      error = await this.#write(planned);
    }
    if (error?.code === 'STORE_FULL' && planned.length > 1) {
      for (const one of planned) {
        if (one.waiting.error) continue;
        const again = await this.#write([one]);
        if (again) one.waiting.error = again;
      }
    } else if (error) {
      for (const one of planned) one.waiting.error ??= error;
      if (error.code === 'STORE_IO') await this.#seal(batch);
    }
  }

  async #write(planned: readonly Planned[]): Promise<PangeaError | undefined> {
    const active = this.#active;
    if (active === undefined) return new PangeaError('INTERNAL', 'no volume to write to');
    const place = { set: this.#home.set, volume: active.file.number };
    const buffers: Uint8Array[] = [];
    const entries: Entry[] = [];
    let end = active.length;
    for (const { header, payload } of planned) {
      const { key, sequence, identity, length, removal } = header;
      entries.push({ key, sequence, identity, length, removal, volume: place.volume, offset: end });
      buffers.push(encodeRecordHeader(place, end, header), payload, new Uint8Array(-payload.length & (alignment - 1)));
      end += recordBytes(length);
    }
    try {
      await active.file.write(buffers, active.length);
    } catch (error) {
      // Gives the space back; should this fail too, the next write or the next start goes over it.
      await active.file.truncate(active.length).catch(() => undefined);
      return error as PangeaError;
    }
    this.#sinceCheckpointBytes += end - active.length;
    active.length = end;
    this.#index.resizeVolume(place.volume, end);
    for (const entry of entries) {
      const applied = this.#index.apply(entry);
      if (applied) this.#unsynced.push({ entry, replaced: applied.replaced });
    }
    return undefined;
  }

  /** One fsync for all that wait. Whoever put since the last one hears when it fails. */
  async #syncFor(batch: Batch): Promise<void> {
    const error = await this.#sync();
    if (error === undefined) return;
    if (batch.begun.some(({ job }) => job.type === 'sync')) this.#lost = undefined;
    for (const waiting of batch.begun) waiting.error ??= error;
  }

  /**
   * After a failed fsync the kernel may have dropped the bytes and will not say so again. So they count as gone:
   * the index goes back to what was durable, and the volume is never appended to again.
   */
  async #sync(): Promise<PangeaError | undefined> {
    const active = this.#active;
    if (active === undefined || active.length === active.syncedLength) return undefined;
    try {
      await active.file.sync();
      active.syncedLength = active.length;
      this.#unsynced = [];
      return undefined;
    } catch (error) {
      this.#active = undefined;
      for (const { entry, replaced } of this.#unsynced.reverse()) {
        if (this.#index.entry(entry.key) === entry) this.#index.set(entry.key, replaced);
      }
      this.#unsynced = [];
      this.#index.resizeVolume(active.file.number, active.syncedLength);
      await active.file.truncate(active.syncedLength).catch(() => undefined);
      this.#lost = error as PangeaError;
      return this.#lost;
    }
  }

  async #seal(batch: Batch): Promise<void> {
    await this.#syncFor(batch);
    this.#active = undefined;
  }

  async #reclaimDead(): Promise<void> {
    for (;;) {
      const dead = [...this.#index.volumes.keys()].find(
        (number) => number !== this.#active?.file.number && this.#index.neededBytes(number) === 0,
      );
      if (dead === undefined) return;
      try {
        await this.#reclaim(dead);
      } catch {
        // A disk gone read-only keeps the file; the next start looks again.
        return;
      }
    }
  }

  /** Removes a volume that nothing needs. The checkpoint forgets it first, so that one which names a missing volume always means loss. */
  async #reclaim(number: number): Promise<void> {
    if (number === this.#active?.file.number || this.#index.neededBytes(number) > 0) return;
    const file = this.#index.dropVolume(number);
    if (file === undefined) return;
    await this.#writeCheckpoint();
    await disk('unlink', file.path, () => unlink(file.path));
    await file.retire();
    await syncDirectory(this.#home.directory);
    await this.makeReserve();
  }

  async makeReserve(): Promise<void> {
    const path = join(this.#home.directory, reserveFile);
    const size = await stat(path).then((found) => found.size, () => 0);
    if (size !== reserveBytes) await writeFile(path, new Uint8Array(reserveBytes)).catch(() => this.#giveReserve());
  }

  #giveReserve(): Promise<boolean> {
    return unlink(join(this.#home.directory, reserveFile)).then(() => true, () => false);
  }

  async #writeCheckpoint(): Promise<void> {
    const bytes = await encodeCheckpoint(this.#home.set, this.#nextSequence, this.#index);
    this.#lastCheckpointBytes = bytes.length;
    this.#sinceCheckpointBytes = 0;
    const path = join(this.#home.directory, checkpointFile);
    try {
      await writeDurably(this.#home.directory, checkpointFile, bytes);
    } catch {
      // An outdated one could name volumes that are about to go; without any the next start scans.
      await unlink(path).catch(() => undefined);
      await unlink(`${path}.tmp`).catch(() => undefined);
      await syncDirectory(this.#home.directory).catch(() => undefined);
    }
  }
}

function isDurable(job: Job): boolean {
  return job.type === 'remove' || job.type === 'sync' || (job.type === 'put' && job.fsync);
}
