/** The node's end of the bridge: runs the calls of the surface on the node. */
import type { GetOptions, GraphInterest, PutOptions, PutResult } from '../../api/api.ts';
import { isPangeaError, PangeaError } from '../../errors/errors.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import { limits } from '../limits.ts';
import type { RpcNode } from '../rpc-node.ts';
import type { Batch } from './batch.ts';
import { ownCopyInTurns, PiecePool, transferable, turn } from './bytes.ts';
import { wireErrorOf } from './errors.ts';
import type { StreamMessage, ToNode, ToSurface } from './messages.ts';
import { itemBytes, Streams } from './streams.ts';
import { flatten, unflatten, type TreeItem } from './tree.ts';

type GetGraph = Parameters<RpcNode['graph']['get']>[1];
type Run = (args: readonly unknown[], call: AbortController) => Promise<unknown>;

/** Calls with blocks as parameters, which the node does not keep. */
const blockCalls: ReadonlySet<string> = new Set(['mixed.cesProcess', 'mixed.cesReconstruct', 'mixed.upload']);
/** Bytes of an event stream: some tens of events under way. */
const eventWindowBytes = 64 * 1024;

export class BridgeHost {
  readonly #node: RpcNode;
  readonly #out: Batch<ToSurface>;
  readonly #logger: Logger;
  readonly #streams: Streams;
  readonly #pieces = new PiecePool();
  readonly #calls = new Map<number, AbortController>();
  readonly #special: Readonly<Record<string, Run>>;

  constructor(node: RpcNode, out: Batch<ToSurface>, logger: Logger) {
    this.#node = node;
    this.#out = out;
    this.#logger = logger;
    this.#streams = new Streams((message, transfer) => out.post(message, transfer));
    this.#special = {
      put: ([stream, options], { signal }) =>
        this.#reading<Uint8Array, PutResult>(stream as number, signal, (content) => node.put(content, { ...(options as PutOptions), signal }), true),
      putTree: ([stream, options], { signal }) =>
        this.#reading<TreeItem, PutResult>(stream as number, signal, (items) => node.putTree(unflatten(items), { ...(options as PutOptions), signal })),
      get: async ([reference, options], call) => {
        const { content, ...facts } = await node.get(reference as string, { ...(options as GetOptions), signal: call.signal });
        return { facts, stream: this.#sendContent(content, call) };
      },
      getTree: async ([reference], call) => {
        const { name, entries } = await node.getTree(reference as string, { signal: call.signal });
        return { name, stream: this.#sendContent(flatten(entries), call) };
      },
      events: async ([kinds]) => this.#streams.send(await node.events(kinds as never), { windowBytes: eventWindowBytes }),
      'graph.watch': async ([interest]) =>
        this.#streams.send(await node.graph.watch(interest as GraphInterest), { windowBytes: limits.graphChanges * itemBytes }),
      'graph.get': ([soul, options], { signal }) => node.graph.get(soul as string, options as GetGraph, signal),
      'mixed.nextUpdate': (_, { signal }) => node.mixed.nextUpdate(signal),
    };
  }

  handle(message: Extract<ToNode, { type: 'call' | 'abort' }> | StreamMessage): void {
    if (message.type === 'call') void this.#run(message.id, message.name, message.args);
    else if (message.type === 'abort') this.#calls.get(message.id)?.abort(new PangeaError('ABORTED', 'the client wants no answer any more'));
    else this.#streams.handle(message);
  }

  /** The surface is gone. */
  close(): void {
    const gone = new PangeaError('ABORTED', 'the RPC server went away');
    for (const call of this.#calls.values()) call.abort(gone);
    this.#streams.close(gone);
  }

  async #run(id: number, name: string, args: readonly unknown[]): Promise<void> {
    const call = new AbortController();
    this.#calls.set(id, call);
    try {
      const value = await owned(await (this.#special[name] ?? this.#plain(name))(args, call));
      this.#out.post({ type: 'answer', id, value }, transferable([value]));
      if (blockCalls.has(name)) this.#giveBack(args);
    } catch (error) {
      if (!isPangeaError(error) || error.code === 'INTERNAL') this.#logger.error({ call: name, error }, 'a call of an RPC client failed in a way that is a bug');
      this.#out.post({ type: 'refusal', id, error: wireErrorOf(error) });
    } finally {
      this.#calls.delete(id);
    }
  }

  #giveBack(args: readonly unknown[]): void {
    const memory = transferable(args);
    if (memory.length > 0) this.#out.post({ type: 'spent', memory }, memory);
  }

  #plain(name: string): Run {
    const [first = '', second] = name.split('.');
    const target = (second === undefined ? this.#node : this.#node[first as 'mixed' | 'graph']) as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
    return (args) => (target[second ?? first] as (...args: readonly unknown[]) => Promise<unknown>).apply(target, [...args]);
  }

  /** Whoever failed before it read all, or any, leaves a sender that must be told. */
  async #reading<T, R>(stream: number, signal: AbortSignal, run: (items: AsyncIterable<T>) => Promise<R>, givesBack = false): Promise<R> {
    const sink = this.#streams.receive<T>(stream, givesBack);
    signal.addEventListener('abort', () => sink.abort(signal.reason), { once: true });
    try {
      return await run(sink);
    } finally {
      sink.abort(undefined);
    }
  }

  /** Chunks are copied: the node's memory is the node's, and often cannot change hands. */
  #sendContent(content: AsyncIterable<TreeItem>, call: AbortController): number {
    const pieces = this.#pieces;
    const items = async function* (): AsyncGenerator<TreeItem> {
      for await (const item of content) {
        if (!(item instanceof Uint8Array)) yield item;
        else {
          for (let at = 0; at < item.length; at += limits.chunkBytes) {
            if (at > 0) await turn();
            yield pieces.copy(item.subarray(at, at + limits.chunkBytes));
          }
        }
      }
    };
    return this.#streams.send(items(), {
      windowBytes: limits.streamWindowBytes,
      spent: (memory) => pieces.giveBack(memory),
      stopped: () => call.abort(new PangeaError('ABORTED', 'the client reads no further')),
    });
  }
}

/** Bytes of a result in memory that can be handed over. */
async function owned(value: unknown): Promise<unknown> {
  if (value instanceof Uint8Array) return ownCopyInTurns(value);
  if (!Array.isArray(value) || !value.some((each) => each instanceof Uint8Array)) return value;
  const copies: unknown[] = [];
  for (const each of value as unknown[]) {
    copies.push(await owned(each));
    await turn();
  }
  return copies;
}
