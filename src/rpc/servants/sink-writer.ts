/** Bytes to a client's sink: several chunks under way, as many bytes unacknowledged as the window allows. */
import type { Message, Struct } from 'capnp-es';
import type { RemoteCapability } from '../engine/engine.ts';
import { limits } from '../limits.ts';
import { abortedBy } from '../bridge/errors.ts';
import type { EntryFacts } from '../bridge/tree.ts';
import { ByteSink$Client, ByteSink_Write$Params, DoneRequest, TreeEntry, TreeSink$Client, TreeSink_Write$Params } from '../schema/pangea.ts';
import { writeEntry } from './entries.ts';
import { messageOf, type InterfaceClass, type StructClass } from './method.ts';
import type { Surface } from './surface.ts';
import { fillBytes, roomOf } from './write.ts';

/** What a call without bytes counts for. */
const callBytes = 1024;

type WriteParams = ByteSink_Write$Params | TreeSink_Write$Params;
interface SinkKind {
  readonly schema: InterfaceClass;
  readonly Write: StructClass<Struct & WriteParams>;
}
const byteSink: SinkKind = { schema: ByteSink$Client, Write: ByteSink_Write$Params as never };
const treeSink: SinkKind = { schema: TreeSink$Client, Write: TreeSink_Write$Params as never };

export class SinkWriter {
  readonly #surface: Surface;
  readonly #sink: RemoteCapability;
  readonly #kind: SinkKind;
  readonly #signal: AbortSignal;
  #unacknowledgedBytes = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  bytes = 0;

  constructor(surface: Surface, sink: RemoteCapability, kind: 'bytes' | 'tree', signal: AbortSignal) {
    this.#surface = surface;
    this.#sink = sink;
    this.#kind = kind === 'bytes' ? byteSink : treeSink;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#room(chunk.length);
    const { chunks } = this.#surface;
    this.#begin('write', chunks.message(this.#kind.Write, (params) => fillBytes(params._initChunk(chunk.length), chunk), chunk.length), chunk.length);
    this.bytes += chunk.length;
  }

  async entry(facts: EntryFacts): Promise<void> {
    await this.#room(callBytes);
    this.#begin('entry', messageOf(TreeEntry, (entry) => writeEntry(entry, facts), 64 + roomOf(facts.path, facts.target ?? '')), callBytes);
  }

  /** Resolves when the sink took everything and said so. */
  async done(): Promise<void> {
    await this.#until(() => this.#unacknowledgedBytes === 0);
    this.#begin('done', messageOf(DoneRequest, () => undefined), callBytes);
    await this.#until(() => this.#unacknowledgedBytes === 0);
  }

  async #room(bytes: number): Promise<void> {
    await this.#until(() => this.#unacknowledgedBytes === 0 || this.#unacknowledgedBytes + bytes <= limits.streamWindowBytes);
    await this.#surface.pace(this.#signal);
  }

  #begin(methodName: string, params: Message, bytes: number): void {
    const { schema } = this.#kind;
    const ordinal = schema.methods.findIndex((each) => each.methodName === methodName);
    this.#unacknowledgedBytes += bytes;
    this.#sink.call(schema.interfaceId, ordinal, params).catch((error: unknown) => (this.#failure ??= { error })).finally(() => {
      this.#unacknowledgedBytes -= bytes;
      this.#wake?.();
    });
  }

  async #until(isTime: () => boolean): Promise<void> {
    for (;;) {
      if (this.#signal.aborted) throw abortedBy(this.#signal);
      if (this.#failure !== undefined) throw this.#failure.error;
      if (isTime()) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
