/** Requests and answers on the bytes of a libp2p stream. Errors of the stream itself are `PEER_UNREACHABLE`, its content `PROTOCOL`. */
import { type Body, bodyFrom, emptyBody } from '../body/body.ts';
import { PangeaError, asPangeaError } from '../errors/errors.ts';
import type { HostStream } from '../host/host.ts';
import { ByteReader, ByteWriter, type Clock, concatBytes } from '../std/std.ts';
import type { ByteHold } from './byte-budget.ts';
import { withDeadline } from './deadline.ts';
import { limits } from './transport.ts';

/** Yamux of rust-libp2p closes the whole connection on a frame above 1 MiB. */
const pieceBytes = 512 * 1024;
/** Longest silence within a message. */
const stallMs = 10_000;

/** `lead`: type (1 byte) or status (2 bytes). Ends this side of the stream. */
export async function writeMessage(stream: HostStream, lead: Uint8Array, struct: Uint8Array, body: Body): Promise<void> {
  const head = new ByteWriter(lead.length + 4 + struct.length).bytes(lead).u32(struct.length).bytes(struct).finish();
  for (let at = 0; at < head.length; at += pieceBytes) await stream.write(bodyFrom(head.subarray(at, at + pieceBytes)));
  for (let at = 0; at < body.byteLength; at += pieceBytes) {
    const piece = body.slice(at, Math.min(at + pieceBytes, body.byteLength));
    try {
      await stream.write(piece);
    } finally {
      piece.release();
    }
  }
  await stream.closeWrite();
}

export class MessageReader {
  readonly #stream: HostStream;
  readonly #clock: Clock;
  /** Read from the stream, not yet asked for. */
  #left: Uint8Array = new Uint8Array();

  constructor(stream: HostStream, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
  }

  async head(leadBytes: number): Promise<{ lead: Uint8Array; struct: Uint8Array }> {
    const lead = await this.#exactly(leadBytes);
    const length = new ByteReader(await this.#exactly(4)).u32();
    if (length > limits.structBytes) throw new PangeaError('PROTOCOL', `a struct of ${length} bytes`);
    return { lead, struct: await this.#exactly(length) };
  }

  /** To the end of the stream. */
  async body(hold: ByteHold): Promise<Body> {
    const pieces: Uint8Array[] = [];
    let total = 0;
    for (let piece: Uint8Array | undefined = this.#left; piece !== undefined; piece = await this.#next()) {
      if (piece.length === 0) continue;
      total += piece.length;
      if (total > limits.bodyBytes) throw new PangeaError('TOO_LARGE', `a body of more than ${limits.bodyBytes} bytes`);
      await withDeadline(this.#clock, hold.take(piece.length), { timeoutMs: stallMs });
      pieces.push(piece);
    }
    if (pieces.length === 0) return emptyBody;
    return bodyFrom(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : concatBytes(...pieces));
  }

  /** Throws away what still comes, so that a refusal is not lost in a reset. */
  async drain(): Promise<void> {
    for (let total = 0; total <= limits.bodyBytes; ) {
      const piece = await this.#next();
      if (piece === undefined) return;
      total += piece.length;
    }
    this.#stream.reset();
  }

  async #exactly(count: number): Promise<Uint8Array> {
    const pieces = [this.#left];
    let total = this.#left.length;
    while (total < count) {
      const piece = await this.#next();
      if (piece === undefined) {
        if (total === 0) throw new PangeaError('PEER_UNREACHABLE', 'the peer dropped the request');
        throw new PangeaError('PROTOCOL', 'the message ends too early');
      }
      pieces.push(piece);
      total += piece.length;
    }
    const bytes = concatBytes(...pieces);
    this.#left = bytes.subarray(count);
    return bytes.subarray(0, count);
  }

  async #next(): Promise<Uint8Array | undefined> {
    const body = await withDeadline(this.#clock, this.#stream.read(), { timeoutMs: stallMs }).catch((error: unknown) => {
      const cause = asPangeaError(error);
      throw new PangeaError('PEER_UNREACHABLE', `the stream broke: ${cause.message}`, { cause });
    });
    if (body === undefined) return undefined;
    const bytes = body.bytes();
    body.release();
    return bytes;
  }
}
