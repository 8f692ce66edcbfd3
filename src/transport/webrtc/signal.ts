/**
 * What two nodes tell each other before they have a data channel (`schema/webrtc.md`): type u8, length u32, text.
 * It travels over a libp2p stream, whose handshake proved who is who; the fingerprints inside the descriptions bind the
 * data channels to the same two.
 */
import { bodyFrom } from '../../body/body.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { HostStream } from '../../host/host.ts';
import { ByteReader, ByteWriter, concatBytes, fromUtf8, utf8 } from '../../std/std.ts';

export const signalLimits = { textBytes: 16 * 1024, messages: 64 } as const;

const codes = { offer: 1, answer: 2, candidate: 3 } as const;

export interface Signal {
  readonly type: keyof typeof codes;
  /** SDP, or a candidate line. */
  readonly text: string;
}

export function encodeSignal(signal: Signal): Uint8Array {
  const text = utf8(signal.text);
  return new ByteWriter(5 + text.length).u8(codes[signal.type]).u32(text.length).bytes(text).finish();
}

export class SignalReader {
  readonly #stream: HostStream;
  #left: Uint8Array = new Uint8Array(0);
  #count = 0;

  constructor(stream: HostStream) {
    this.#stream = stream;
  }

  /** `undefined` at the end. Throws `PROTOCOL` for anything that is not a signal, and beyond `signalLimits`. */
  async next(): Promise<Signal | undefined> {
    const head = await this.#take(5);
    if (head === undefined) return undefined;
    if (++this.#count > signalLimits.messages) throw new PangeaError('PROTOCOL', `more than ${signalLimits.messages} signals`);
    const reader = new ByteReader(head);
    const code = reader.u8();
    const length = reader.u32();
    const type = (Object.keys(codes) as Signal['type'][]).find((name) => codes[name] === code);
    if (type === undefined || length > signalLimits.textBytes) throw new PangeaError('PROTOCOL', `a signal of type ${code} with ${length} bytes`);
    const bytes = await this.#take(length);
    if (bytes === undefined) throw new PangeaError('PROTOCOL', 'a signal ends too early');
    return { type, text: fromUtf8(bytes) };
  }

  async #take(count: number): Promise<Uint8Array | undefined> {
    while (this.#left.length < count) {
      const body = await this.#stream.read();
      if (body === undefined) {
        if (this.#left.length === 0) return undefined;
        throw new PangeaError('PROTOCOL', 'a signal ends too early');
      }
      this.#left = concatBytes(this.#left, body.bytes());
      body.release();
    }
    const taken = this.#left.subarray(0, count);
    this.#left = this.#left.subarray(count);
    return taken;
  }
}

export async function sendSignal(stream: HostStream, signal: Signal): Promise<void> {
  await stream.write(bodyFrom(encodeSignal(signal)));
}
