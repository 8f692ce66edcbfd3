import type { Delta, Field } from '../data/types.ts';

/** What one message to peers holds at most; far below what any of them refuses. A longer value goes alone. */
const messageNodes = 1_000;
const messageChars = 512 * 1024;

/** Cuts a put that is too large for one message. What fits stays whole, since a message is taken whole or not at all. */
export function inMessages(deltas: readonly Delta[]): readonly (readonly Delta[])[] {
  if (deltas.length === 1 && (deltas[0] as Delta).fields.length === 1) return [deltas];
  const messages: Delta[][] = [[]];
  let chars = 0;
  for (const { soul, fields } of deltas) {
    let taken: Field[] = [];
    const flush = (): void => {
      if (taken.length > 0) (messages.at(-1) as Delta[]).push({ soul, fields: taken });
      taken = [];
    };
    if ((messages.at(-1) as Delta[]).length >= messageNodes) {
      messages.push([]);
      chars = 0;
    }
    chars += soul.length;
    for (const field of fields) {
      const size = field.key.length + (typeof field.value === 'string' ? field.value.length : 32);
      if (chars + size > messageChars && chars > soul.length) {
        flush();
        messages.push([]);
        chars = soul.length;
      }
      chars += size;
      taken.push(field);
    }
    flush();
  }
  return messages.filter((message) => message.length > 0);
}
