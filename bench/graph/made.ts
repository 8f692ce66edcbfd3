/** The data of the bench: nodes of three fields, as frames and as plain objects. Everything follows from the number of a node. */

/** Long past, so that no clock holds it back; later nodes are newer. */
const firstState = 1_700_000_000_000;
/** As gun.js packs its frames. */
const frameChars = 9_000;

/** Nine characters, as gun.js makes them. It appends digits to the id of a put for each key: ids of different lengths would collide. */
export const idOf = (kind: string, at: number): string => kind + at.toString(36).padStart(9 - kind.length, '0');

export const soulOf = (at: number): string => `bench/node/${at}`;

export function valueOf(at: number): { name: string; count: number; done: boolean } {
  return { name: `node number ${at}`, count: at, done: at % 2 === 0 };
}

/** One put message a node, in frames as a peer of the network sends them. */
export function* putFrames(from: number, count: number): Generator<{ readonly frame: string; readonly last: number }> {
  let batch: string[] = [];
  let chars = 0;
  for (let at = from; at < from + count; at++) {
    const message = JSON.stringify({ '#': idOf('p', at), put: { [soulOf(at)]: nodeOf(soulOf(at), valueOf(at), firstState + at / 8) } });
    batch.push(message);
    chars += message.length + 1;
    if (chars < frameChars && at < from + count - 1) continue;
    yield { frame: `[${batch.join(',')}]`, last: at };
    batch = [];
    chars = 0;
  }
}

/** Puts of a set whose items are the nodes `from`…, `perMessage` links a message. */
export function* setFrames(set: string, from: number, count: number, perMessage = 50): Generator<string> {
  for (let start = from; start < from + count; start += perMessage) {
    const links = Object.fromEntries(Array.from({ length: Math.min(perMessage, from + count - start) }, (_, step) => [soulOf(start + step), { '#': soulOf(start + step) }]));
    yield JSON.stringify({ '#': idOf('s', start), put: { [set]: nodeOf(set, links, firstState + start / 8) } });
  }
}

export function nodeOf(soul: string, fields: object, state: number): object {
  return { _: { '#': soul, '>': Object.fromEntries(Object.keys(fields).map((key) => [key, state])) }, ...fields };
}
