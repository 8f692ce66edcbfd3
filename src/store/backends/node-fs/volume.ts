/** One file of the store: reads at an offset, gathered writes at the end. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { PangeaError } from '../../../errors/errors.ts';
import { disk } from './disk-error.ts';

export function volumeName(number: number): string {
  return `volume-${String(number).padStart(8, '0')}.pv`;
}

/** The number in a volume's file name. */
export function volumeNumber(name: string): number | undefined {
  const digits = /^volume-(\d{8,10})\.pv$/.exec(name)?.[1];
  const number = Number(digits);
  return number > 0 && number <= 0xffff_ffff && volumeName(number) === name ? number : undefined;
}

/** The operations of an open file that a volume needs; tests put failing ones in their place. */
export type VolumeFile = Pick<FileHandle, 'read' | 'writev' | 'datasync' | 'truncate' | 'stat' | 'close'>;
export type OpenVolumeFile = (path: string, flags: 'r+' | 'wx+') => Promise<VolumeFile>;

export class Volume {
  readonly number: number;
  readonly path: string;
  readonly #file: VolumeFile;
  #readers = 0;
  #retired = false;

  private constructor(number: number, path: string, file: VolumeFile) {
    this.number = number;
    this.path = path;
    this.#file = file;
  }

  static async open(directory: string, number: number, fresh: boolean, openFile: OpenVolumeFile = open): Promise<Volume> {
    const path = join(directory, volumeName(number));
    return new Volume(number, path, await disk('open', path, () => openFile(path, fresh ? 'wx+' : 'r+')));
  }

  async length(): Promise<number> {
    return disk('stat', this.path, async () => (await this.#file.stat()).size);
  }

  /** `length` bytes from `offset`, into `target` when given; a file that ends before is an error. */
  async read(offset: number, length: number, target = Buffer.allocUnsafeSlow(length)): Promise<Buffer> {
    this.#readers++;
    try {
      let have = 0;
      while (have < length) {
        const { bytesRead } = await disk('read', this.path, () => this.#file.read(target, have, length - have, offset + have));
        if (bytesRead === 0) throw new PangeaError('STORE_IO', `read ${this.path}: ends before ${offset + length}`);
        have += bytesRead;
      }
      return target.subarray(0, length);
    } finally {
      this.#readers--;
      if (this.#retired) await this.retire();
    }
  }

  async write(buffers: readonly Uint8Array[], offset: number): Promise<void> {
    await disk('write', this.path, async () => {
      let rest = buffers.filter((buffer) => buffer.length > 0);
      while (rest.length > 0) {
        let { bytesWritten } = await this.#file.writev(rest, offset);
        offset += bytesWritten;
        let first = 0;
        while (first < rest.length && bytesWritten >= (rest[first] as Uint8Array).length) {
          bytesWritten -= (rest[first++] as Uint8Array).length;
        }
        rest = rest.slice(first);
        if (bytesWritten > 0) rest[0] = (rest[0] as Uint8Array).subarray(bytesWritten);
      }
    });
  }

  /** Everything written so far is on disk, with the length of the file. */
  async sync(): Promise<void> {
    await disk('fsync', this.path, () => this.#file.datasync());
  }

  async truncate(length: number): Promise<void> {
    await disk('truncate', this.path, () => this.#file.truncate(length));
  }

  /** Closes the file, after the last reader. Safe to repeat. */
  async retire(): Promise<void> {
    this.#retired = true;
    if (this.#readers > 0) return;
    await this.#file.close().catch(() => undefined);
  }
}
