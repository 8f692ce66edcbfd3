/** Large values as objects of this node: sealed, coded, held by several peers. */
import { isPangeaError, PangeaError } from '../../errors/errors.ts';
import type { Objects } from '../../objects/objects.ts';
import type { LargeValues } from './large.ts';

/** Largest object that is taken for a value; a larger one was never put by us. */
const mostBytes = 256 * 2 ** 20;

/** The reference is the object's link: a secret, as the value itself is. */
export function objectLargeValues(objects: Pick<Objects, 'put' | 'get' | 'remove'>): LargeValues {
  return new ObjectLargeValues(objects);
}

class ObjectLargeValues implements LargeValues {
  readonly name = 'objects';
  readonly durability = 'remote';
  readonly #objects: Pick<Objects, 'put' | 'get' | 'remove'>;

  constructor(objects: Pick<Objects, 'put' | 'get' | 'remove'>) {
    this.#objects = objects;
  }

  async put(bytes: Uint8Array): Promise<string> {
    const { link } = await this.#objects.put(once(bytes), { name: 'graph/large-value', expectedBytes: bytes.length });
    return link;
  }

  async get(reference: string): Promise<Uint8Array> {
    const { bytes: length, content } = await this.#objects.get(reference);
    if (length > mostBytes) throw new PangeaError('TOO_LARGE', `the object of a large value has ${length} bytes, more than ${mostBytes}`);
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const chunk of content) {
      if (at + chunk.length > length) throw new PangeaError('CORRUPT', 'the object of a large value is longer than it says');
      bytes.set(chunk, at);
      at += chunk.length;
    }
    if (at < length) throw new PangeaError('CORRUPT', 'the object of a large value ended early');
    return bytes;
  }

  async delete(reference: string): Promise<void> {
    try {
      await this.#objects.remove(reference);
    } catch (error) {
      if (!isPangeaError(error, 'NOT_FOUND')) throw error;
    }
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
