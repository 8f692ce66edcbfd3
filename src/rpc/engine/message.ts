/** capnp-es messages at the boundary: over received segments without a copy, and as one finished segment. */
import { Message, Pointer } from 'capnp-es';

const nothing = new Uint8Array(8);

/** Over the segments as they lie. Reading may append a segment (a struct of an older schema is grown), never move these. */
export function received(segments: ArrayBuffer[]): Message {
  return new Message({ kind: 1, buffers: segments } as never);
}

/** All of a message in one segment, root first; a view of the message's own memory unless it has several segments. */
export function finished(message: Message): Uint8Array {
  const { segments } = message._capnp;
  const [first] = segments;
  if (first === undefined) return nothing;
  if (segments.length === 1) return new Uint8Array(first.buffer, 0, first.byteLength);
  const copy = new Message();
  copy.setRoot(new Pointer(first, 0));
  copy._capnp.capTable ??= message._capnp.capTable as never;
  return finished(copy);
}
