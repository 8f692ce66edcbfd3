/** How a method of the schema becomes a servant's: read the parameters, run, write the results. */
import { Message, type Struct } from 'capnp-es';
import { isPangeaError, PangeaError } from '../../errors/errors.ts';
import { abortedBy } from '../bridge/errors.ts';
import type { IncomingCall, Outcome, Servant } from '../engine/engine.ts';
import { limits } from '../limits.ts';
import type { Surface } from './surface.ts';

/** A generated struct class. */
export interface StructClass<S extends Struct> {
  readonly _capnp: { readonly displayName: string; readonly id: string; readonly size: unknown };
  new (...args: never[]): S;
}

/** Results to write, into a message with room for about so many bytes; too small a guess costs copies. */
export interface Answer<R> {
  readonly bytes: number;
  readonly write: (results: R) => void;
}

export type Method = (call: IncomingCall) => Promise<Outcome>;

export function answer<R>(write: (results: R) => void, bytes = 192): Answer<R> {
  return { bytes, write };
}

export const nothing = answer<Struct>(() => undefined, 0);

/**
 * `read` runs before anything else and takes all that is needed out of the parameters; hostile pointers in them are `PROTOCOL`.
 * Answers of some size wait until the client took what it was given before.
 */
export function method<P extends Struct, R extends Struct, A>(
  surface: Surface, Params: StructClass<P>, Results: StructClass<R>,
  read: (params: P) => A, run: (asked: A, call: IncomingCall) => Promise<Answer<R>>,
): Method {
  return async (call) => {
    const asked = parse(() => read(call.params.getRoot(Params as never)));
    const { bytes, write } = await run(asked, call);
    if (bytes > pacedBytes) await surface.pace(call.signal);
    return { results: messageOf(Results, write, bytes) };
  };
}

const pacedBytes = 32 * 1024;

export function messageOf<S extends Struct>(Root: StructClass<S>, write: (root: S) => void, bytes = 192): Message {
  return messageIn(new ArrayBuffer(alignedRoom(bytes)), Root, write);
}

function messageIn<S extends Struct>(memory: ArrayBuffer, Root: StructClass<S>, write: (root: S) => void): Message {
  const message = new Message();
  (message._capnp.arena as { buffer: ArrayBuffer }).buffer = memory;
  write(message.initRoot(Root as never) as S);
  return message;
}

/** Most of what a message has in front of and behind its one piece of data. */
const aroundBytes = 256;

/**
 * Memory of messages with a chunk, used again once the socket took it: fresh memory costs more than the copy into it, and
 * a megabyte of garbage a chunk keeps the collector busy.
 */
export class ChunkMemory {
  readonly #free: ArrayBuffer[] = [];
  readonly #lent = new WeakSet<ArrayBufferLike>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** `write` must fill all of the data that it makes room for; pointers begin as null. */
  message<S extends Struct>(Root: StructClass<S>, write: (root: S) => void, bytes: number): Message {
    if (bytes > limits.chunkBytes || bytes < limits.chunkBytes / 2) return messageOf(Root, write, bytes);
    const memory = this.#free.pop() ?? new ArrayBuffer(limits.chunkBytes + aroundBytes);
    this.#lent.add(memory);
    // What lies before the data, and the bytes that fill its last word.
    new Uint8Array(memory, 0, aroundBytes / 2).fill(0);
    new Uint8Array(memory, bytes & ~7, aroundBytes / 2).fill(0);
    return messageIn(memory, Root, write);
  }

  /** Any memory that was sent; only what was lent here is kept. */
  giveBack(memory: ArrayBufferLike): void {
    if (this.#lent.delete(memory) && this.#free.length < this.#most) this.#free.push(memory as ArrayBuffer);
  }
}

/** Root pointer, root struct and list tags come on top of what the caller counted. */
const alignedRoom = (bytes: number): number => (bytes + aroundBytes + 7) & ~7;

function parse<A>(read: () => A): A {
  try {
    return read();
  } catch (error) {
    if (isPangeaError(error)) throw error;
    throw new PangeaError('PROTOCOL', 'the parameters are malformed', { cause: error });
  }
}

/** An interface as the generated client class knows it. */
export interface InterfaceClass {
  readonly interfaceId: bigint;
  readonly methods: readonly { readonly methodName?: string }[];
}

export interface Implemented {
  readonly schema: InterfaceClass;
  /** By ordinal; one that is left out is `unimplemented`. */
  readonly methods: readonly (Method | undefined)[];
  /** Ordinals of `-> stream` methods. */
  readonly streaming?: readonly number[];
}

/** Objects whose calls carry on what began before the node was told to stop. */
const underWay: ReadonlySet<string> = new Set(['Upload', 'TreeUpload']);

/** Counts every call by method, and every exception by code; what is no `PangeaError` is a bug and logged. */
export function servantOf(surface: Surface, name: string, interfaces: readonly Implemented[], dropped?: () => void): Servant {
  const find = (id: bigint): Implemented | undefined => interfaces.find(({ schema }) => schema.interfaceId === id);
  return {
    async dispatch(call) {
      const implemented = find(call.interfaceId);
      const label = `${name}.${implemented?.schema.methods[call.methodId]?.methodName ?? 'unknown'}`;
      surface.count('calls', label);
      try {
        const run = implemented?.methods[call.methodId];
        if (run === undefined) throw new PangeaError('NOT_SUPPORTED', `${label} is not implemented by this node`);
        if (surface.closing.aborted && !underWay.has(name)) throw new PangeaError('NODE_STOPPING', 'this node is stopping');
        return await run(call);
      } catch (error) {
        // Whoever waited under the signal of a call that nobody waits for any more failed with it.
        const known = isPangeaError(error) ? error : call.signal.aborted ? abortedBy(call.signal) : undefined;
        if (known === undefined) surface.logger.error({ call: label, error }, 'an RPC call failed in a way that is a bug');
        surface.count('exceptions', known?.code ?? 'INTERNAL');
        throw known ?? error;
      }
    },
    isStreaming: (id, ordinal) => find(id)?.streaming?.includes(ordinal) === true,
    ...(dropped === undefined ? {} : { dropped }),
  };
}
