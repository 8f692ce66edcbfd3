/** Where every record stands, and what each volume holds. All in memory. */
import { toHex } from '../../../std/std.ts';
import type { RecordKey, RecordKind } from '../../store.ts';
import { type RecordHeader, recordBytes, volumeHeaderBytes } from './record.ts';
import type { Volume } from './volume.ts';

/** The newest record of a key. A removal is remembered as long as older records of its key may be on disk. */
export interface Entry extends RecordHeader {
  readonly volume: number;
  /** Where its header begins. */
  readonly offset: number;
}

export interface Tally {
  readonly file: Volume;
  /** Length up to the end of the last record. */
  totalBytes: number;
  /** Of these, in records that the index points to. */
  liveBytes: number;
  /** Of these, in removals that may still have older records to suppress. */
  removalBytes: number;
}

export class ShardIndex {
  /** By number, ascending: numbers only grow. */
  readonly volumes = new Map<number, Tally>();
  readonly #objects = new Map<string, Map<number, Entry>>();
  /** Readable records and removals together. */
  entryCount = 0;
  records = 0;
  liveBytes = 0;
  totalBytes = 0;

  /** The newest record of a key, be it a removal. */
  entry(key: RecordKey): Entry | undefined {
    return this.#objects.get(toHex(key.object))?.get(slotOf(key));
  }

  live(key: RecordKey): Entry | undefined {
    const entry = this.entry(key);
    return entry?.removal ? undefined : entry;
  }

  /** Readable records of one object, in order of kind, stripe and row. */
  recordsOf(object: Uint8Array): Entry[] {
    const slots = [...(this.#objects.get(toHex(object)) ?? [])].filter(([, entry]) => !entry.removal);
    return slots.sort(([a], [b]) => a - b).map(([, entry]) => entry);
  }

  objectsOf(kind: RecordKind): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (const slots of this.#objects.values()) {
      for (const entry of slots.values()) {
        if (entry.removal || entry.key.kind !== kind) continue;
        found.push(entry.key.object);
        break;
      }
    }
    return found;
  }

  *entries(): Iterable<Entry> {
    for (const slots of this.#objects.values()) yield* slots.values();
  }

  /** Entries that stand in a volume, in the order of the file. */
  entriesOf(volume: number): Entry[] {
    return [...this.entries()].filter((entry) => entry.volume === volume).sort((a, b) => a.offset - b.offset);
  }

  /** Takes a record in when it is newer than what is known; says what it replaced. */
  apply(entry: Entry): { readonly replaced: Entry | undefined } | undefined {
    const known = this.entry(entry.key);
    if (known !== undefined && !isNewer(entry, known)) return undefined;
    return { replaced: this.set(entry.key, entry) };
  }

  /** Puts an entry in place, or none, whatever stood there. */
  set(key: RecordKey, entry: Entry | undefined): Entry | undefined {
    const object = toHex(key.object);
    const slots = this.#objects.get(object) ?? new Map<number, Entry>();
    const slot = slotOf(key);
    const previous = slots.get(slot);
    if (entry === undefined) slots.delete(slot);
    else slots.set(slot, entry);
    if (slots.size === 0) this.#objects.delete(object);
    else this.#objects.set(object, slots);
    if (previous !== undefined) this.#count(previous, -1);
    if (entry !== undefined) this.#count(entry, 1);
    return previous;
  }

  /** A volume's removals are needed only while an older volume may hold what they suppress. */
  neededBytes(volume: number): number {
    const tally = this.volumes.get(volume);
    if (tally === undefined) return 0;
    return tally.liveBytes + (this.isLowest(volume) ? 0 : tally.removalBytes);
  }

  isLowest(volume: number): boolean {
    return this.volumes.keys().next().value === volume;
  }

  /** Whether more than half of a volume can be won back. */
  isMostlyGarbage(volume: number): boolean {
    const total = (this.volumes.get(volume)?.totalBytes ?? 0) - volumeHeaderBytes;
    return total > 0 && this.neededBytes(volume) * 2 < total;
  }

  addVolume(file: Volume, totalBytes: number): void {
    this.volumes.set(file.number, { file, totalBytes, liveBytes: 0, removalBytes: 0 });
    this.totalBytes += totalBytes;
  }

  resizeVolume(volume: number, totalBytes: number): void {
    const tally = this.volumes.get(volume);
    if (tally === undefined) return;
    this.totalBytes += totalBytes - tally.totalBytes;
    tally.totalBytes = totalBytes;
  }

  /** A volume leaves, with the removals that stand in it; nothing else may. */
  dropVolume(volume: number): Volume | undefined {
    const tally = this.volumes.get(volume);
    if (tally === undefined) return undefined;
    if (tally.removalBytes > 0) for (const entry of this.entriesOf(volume)) this.set(entry.key, undefined);
    this.volumes.delete(volume);
    this.totalBytes -= tally.totalBytes;
    return tally.file;
  }

  #count(entry: Entry, sign: 1 | -1): void {
    const bytes = sign * recordBytes(entry.length);
    const tally = this.volumes.get(entry.volume);
    this.entryCount += sign;
    if (entry.removal) {
      if (tally !== undefined) tally.removalBytes += bytes;
      return;
    }
    if (tally !== undefined) tally.liveBytes += bytes;
    this.liveBytes += bytes;
    this.records += sign;
  }
}

function isNewer(entry: Entry, known: Entry): boolean {
  if (entry.sequence !== known.sequence) return entry.sequence > known.sequence;
  return entry.volume !== known.volume ? entry.volume > known.volume : entry.offset > known.offset;
}

/** Kind, stripe and row as one ordered number below 2^53. */
function slotOf(key: RecordKey): number {
  return (key.kind * 2 ** 32 + key.stripe) * 2 ** 16 + key.row;
}
