import { PangeaError } from '../../errors/errors.ts';
import type { LargeValues } from './large.ts';

/** Large values without a place. */
export class MemoryLargeValues implements LargeValues {
  readonly name = 'memory';
  readonly durability = 'memory';
  readonly #values = new Map<string, Uint8Array>();
  #last = 0;

  async put(bytes: Uint8Array): Promise<string> {
    const reference = String(++this.#last);
    this.#values.set(reference, bytes.slice());
    return reference;
  }

  async get(reference: string): Promise<Uint8Array> {
    const bytes = this.#values.get(reference);
    if (!bytes) throw new PangeaError('NOT_FOUND', `there is no large value ${reference}`);
    return bytes.slice();
  }

  async delete(reference: string): Promise<void> {
    this.#values.delete(reference);
  }
}
