/** How a method of the schema becomes a servant's: read the parameters, run, write the results. */
import { Message, type Struct } from 'capnp-es';
import { isPangeaError, PangeaError } from '../../errors/errors.ts';
import type { IncomingCall, Outcome, Servant } from '../engine/engine.ts';
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
  const message = new Message();
  (message._capnp.arena as { buffer: ArrayBuffer }).buffer = new ArrayBuffer(alignedRoom(bytes));
  write(message.initRoot(Root as never) as S);
  return message;
}

/** Root pointer, root struct and list tags come on top of what the caller counted. */
const alignedRoom = (bytes: number): number => (bytes + 256 + 7) & ~7;

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
        if (!isPangeaError(error)) surface.logger.error({ call: label, error }, 'an RPC call failed in a way that is a bug');
        surface.count('exceptions', isPangeaError(error) ? error.code : 'INTERNAL');
        throw error;
      }
    },
    isStreaming: (id, ordinal) => find(id)?.streaming?.includes(ordinal) === true,
    ...(dropped === undefined ? {} : { dropped }),
  };
}
