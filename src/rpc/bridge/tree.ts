/** A tree of entries with their contents as one flat stream, and back. */
import type { TreeEntry } from '../../api/api.ts';
import { PangeaError } from '../../errors/errors.ts';

export type EntryFacts = Omit<TreeEntry, 'content'>;
/** An entry, or bytes of the file before them. */
export type TreeItem = EntryFacts | Uint8Array;

export async function* flatten(entries: AsyncIterable<TreeEntry>): AsyncGenerator<TreeItem> {
  for await (const { content, ...facts } of entries) {
    yield facts;
    if (content !== undefined) yield* content;
  }
}

/** What of a content was not read when the next entry is asked for is skipped. Bytes that belong to no file are `USAGE`. */
export async function* unflatten(items: AsyncIterable<TreeItem>): AsyncGenerator<TreeEntry> {
  const iterator = items[Symbol.asyncIterator]();
  let ahead: EntryFacts | undefined;
  let isEnded = false;
  /** The next bytes; an entry or the end is remembered. */
  const bytes = async (): Promise<Uint8Array | undefined> => {
    if (ahead !== undefined || isEnded) return undefined;
    const { done, value } = await iterator.next();
    if (done === true) isEnded = true;
    else if (value instanceof Uint8Array) return value;
    else ahead = value;
    return undefined;
  };
  const content = async function* (): AsyncGenerator<Uint8Array> {
    for (let chunk = await bytes(); chunk !== undefined; chunk = await bytes()) yield chunk;
  };
  try {
    if ((await bytes()) !== undefined) throw new PangeaError('USAGE', 'bytes came before the first entry');
    while (ahead !== undefined) {
      const facts: EntryFacts = ahead;
      ahead = undefined;
      yield facts.type === 'file' ? { ...facts, content: content() } : facts;
      for (let left = await bytes(); left !== undefined; left = await bytes()) {
        if (facts.type !== 'file' && left.length > 0) throw new PangeaError('USAGE', `${facts.type} entries have no content`);
      }
    }
  } finally {
    await iterator.return?.();
  }
}
