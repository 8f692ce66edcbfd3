import type { Delta } from '../data/types.ts';

interface Waiting {
  readonly deltas: readonly Delta[];
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Writes one after the other, those that came meanwhile together in the next group. A group that fails fails all of its
 * writes: nobody is told that something is stored which may not be.
 */
export class WriteQueue {
  readonly #commit: (deltas: readonly Delta[]) => Promise<void>;
  readonly #groupFields: number;
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #writes = 0;

  /** A group ends with the write by which it has `groupFields` fields, so that none waits long behind it. */
  constructor(groupFields: number, commit: (deltas: readonly Delta[]) => Promise<void>) {
    this.#groupFields = groupFields;
    this.#commit = commit;
  }

  /** Writes that settled well. */
  get writes(): number {
    return this.#writes;
  }

  write(deltas: readonly Delta[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ deltas, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async flush(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // A run with nothing to wait for would be over before `#running` holds it, and no other would ever begin.
    await undefined;
    while (this.#waiting.length > 0) {
      const group = this.#nextGroup();
      try {
        for (const deltas of slices(group.flatMap((each) => each.deltas), this.#groupFields)) await this.#commit(deltas);
        this.#writes += group.length;
        for (const each of group) each.resolve();
      } catch (error) {
        for (const each of group) each.reject(error);
      }
    }
    this.#running = undefined;
  }

  #nextGroup(): Waiting[] {
    let fields = 0;
    let count = 0;
    while (count < this.#waiting.length && fields < this.#groupFields) {
      for (const delta of (this.#waiting[count] as Waiting).deltas) fields += delta.fields.length;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}

/** A write that is larger than a group is committed in parts. */
function* slices(deltas: readonly Delta[], groupFields: number): IterableIterator<readonly Delta[]> {
  let from = 0;
  let fields = 0;
  for (let at = 0; at < deltas.length; at++) {
    fields += (deltas[at] as Delta).fields.length;
    if (fields < groupFields && at < deltas.length - 1) continue;
    yield deltas.slice(from, at + 1);
    from = at + 1;
    fields = 0;
  }
}
