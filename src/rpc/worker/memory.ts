/** Memory of all connections together: when it is out, the connection that holds most is ended, and the others go on. */
import { PangeaError } from '../../errors/errors.ts';

interface Holder {
  bytes: number;
  readonly end: (reason: PangeaError) => void;
}

export class SharedMemory {
  readonly #most: number;
  readonly #changed: (bytes: number) => void;
  readonly #holders = new Set<Holder>();
  #bytes = 0;

  constructor(most: number, changed: (bytes: number) => void) {
    this.#most = most;
    this.#changed = changed;
  }

  /** `set` tells what a connection holds now; `end` of another one may be called from within. */
  join(end: (reason: PangeaError) => void): { set(bytes: number): void; leave(): void } {
    const holder: Holder = { bytes: 0, end };
    this.#holders.add(holder);
    return {
      set: (bytes) => {
        if (!this.#holders.has(holder)) return;
        this.#bytes += bytes - holder.bytes;
        holder.bytes = bytes;
        this.#changed(this.#bytes);
        if (this.#bytes > this.#most) this.#endLargest();
      },
      leave: () => {
        if (this.#holders.delete(holder)) this.#bytes -= holder.bytes;
        this.#changed(this.#bytes);
      },
    };
  }

  #endLargest(): void {
    let largest: Holder | undefined;
    for (const holder of this.#holders) if (largest === undefined || holder.bytes > largest.bytes) largest = holder;
    largest?.end(new PangeaError('TOO_MANY', 'the connections hold too much memory together, and this one most of it'));
  }
}

/** So many bytes at a time; who does not fit waits in order. What is larger than all of it goes alone. */
export class Room {
  readonly #most: number;
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  #used = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async enter(bytes: number, signal: AbortSignal): Promise<() => void> {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) await this.#wait(bytes, signal);
    else this.#used += bytes;
    let isIn = true;
    return () => {
      if (isIn) this.#used -= bytes;
      isIn = false;
      this.#admit();
    };
  }

  #wait(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason as Error);
        this.#admit();
      };
      const waiting = {
        bytes,
        enter: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      if (signal.aborted) return reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiting);
    });
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += next.bytes;
      next.enter();
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#most;
  }
}
