/** The surface's end of the bridge: the node, as if it were in this thread. */
import type { GetResult, GraphChange, GraphNodeView, PutResult } from '../../api/api.ts';
import { PangeaError } from '../../errors/errors.ts';
import { limits } from '../limits.ts';
import type { RpcNode } from '../rpc-node.ts';
import type { Batch } from './batch.ts';
import { PiecePool, transferable } from './bytes.ts';
import { abortedBy, errorOf } from './errors.ts';
import type { QueuedEvent } from './event-queue.ts';
import type { StreamMessage, ToNode, ToSurface } from './messages.ts';
import { Streams, type Sink } from './streams.ts';
import { flatten, unflatten, type TreeItem } from './tree.ts';

const plainCalls = [
  'login', 'isTokenNeeded', 'rootOf', 'page', 'info', 'remove', 'peers', 'connectPeer', 'revokePeer', 'plan', 'status', 'invite', 'metrics',
  'firewall', 'setFirewall', 'repair', 'controlRepair', 'updateConfig',
] as const satisfies readonly (keyof RpcNode)[];
const mixedCalls = [
  'node', 'nodes', 'claim', 'connect', 'disconnect', 'connected', 'quality', 'sendMessage', 'metrics', 'cesProcess', 'cesReconstruct', 'upload',
  'download', 'localMultiaddr', 'libp2pPeers', 'mdnsDiscovered', 'connectMdns', 'loadConfig', 'saveConfig',
] as const satisfies readonly (keyof RpcNode['mixed'])[];
const graphCalls = ['status', 'put', 'souls'] as const satisfies readonly (keyof RpcNode['graph'])[];

interface Pending {
  resolve(value: unknown): void;
  reject(error: PangeaError): void;
}

export class BridgeClient {
  readonly #out: Batch<ToNode>;
  readonly #streams: Streams;
  readonly #pending = new Map<number, Pending>();
  #next = 1;

  constructor(out: Batch<ToNode>) {
    this.#out = out;
    this.#streams = new Streams((message, transfer) => out.post(message, transfer));
  }

  /** For chunks of a `put`: they are handed over, and their memory comes back once the node has read them. */
  readonly pieces = new PiecePool();
  readonly node: RpcNode = this.#node();

  handle(message: Extract<ToSurface, { type: 'answer' | 'refusal' | 'spent' }> | StreamMessage): void {
    if (message.type === 'spent') return;
    if (message.type !== 'answer' && message.type !== 'refusal') return this.#streams.handle(message);
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.type === 'answer') pending?.resolve(message.value);
    else pending?.reject(errorOf(message.error));
  }

  /**
   * Aborted, it rejects at once; what the node still answers is dropped. `accept` runs as the answer is read: a stream that it
   * names may have items in the same batch, and they find their reader.
   */
  call<T>(name: string, args: readonly unknown[], signal?: AbortSignal, accept?: (value: never) => T): Promise<T> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(abortedBy(signal));
      const onAbort = (): void => {
        if (!this.#pending.delete(id)) return;
        this.#out.post({ type: 'abort', id });
        reject(abortedBy(signal as AbortSignal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const settled = (): void => signal?.removeEventListener('abort', onAbort);
      this.#pending.set(id, {
        resolve: (value) => (settled(), resolve(accept === undefined ? (value as T) : accept(value as never))),
        reject: (error) => (settled(), reject(error)),
      });
      this.#out.post({ type: 'call', id, name, args }, transferable(args));
    });
  }

  #node(): RpcNode {
    const calls = (names: readonly string[], prefix: string): Record<string, unknown> =>
      Object.fromEntries(names.map((name) => [name, (...args: readonly unknown[]) => this.call(prefix + name, args)]));
    const send = (items: AsyncIterable<unknown>): number =>
      this.#streams.send(items, { windowBytes: limits.streamWindowBytes, spent: (memory) => this.pieces.giveBack(memory) });
    const streaming: Pick<RpcNode, 'put' | 'putTree' | 'get' | 'getTree' | 'events'> = {
      put: (content, { signal, ...options }) => this.call<PutResult>('put', [send(content), options], signal),
      putTree: (entries, { signal, ...options }) => this.call<PutResult>('putTree', [send(flatten(entries)), options], signal),
      get: (reference, { signal, ...options }) => this.call('get', [reference, options], signal,
        ({ facts, stream }: { facts: Omit<GetResult, 'content'>; stream: number }) => ({ ...facts, content: this.#receive<Uint8Array>(stream, signal) })),
      getTree: (reference, { signal }) => this.call('getTree', [reference], signal,
        ({ name, stream }: { name: string; stream: number }) => ({ name, entries: unflatten(this.#receive<TreeItem>(stream, signal)) })),
      events: (kinds) => this.call('events', [kinds], undefined, (stream: number) => this.#streams.receive<QueuedEvent>(stream)),
    };
    const nextUpdate: RpcNode['mixed']['nextUpdate'] = (signal) => this.call('mixed.nextUpdate', [], signal);
    const graph: Pick<RpcNode['graph'], 'get' | 'watch'> = {
      get: (soul, options, signal) => this.call<GraphNodeView | undefined>('graph.get', [soul, options], signal),
      watch: (interest) => this.call('graph.watch', [interest], undefined, (stream: number) => this.#streams.receive<GraphChange>(stream)),
    };
    return {
      ...(calls(plainCalls, '') as unknown as Pick<RpcNode, (typeof plainCalls)[number]>),
      ...streaming,
      mixed: { ...(calls(mixedCalls, 'mixed.') as unknown as Pick<RpcNode['mixed'], (typeof mixedCalls)[number]>), nextUpdate },
      graph: { ...(calls(graphCalls, 'graph.') as unknown as Pick<RpcNode['graph'], (typeof graphCalls)[number]>), ...graph },
    };
  }

  #receive<T>(stream: number, signal: AbortSignal | undefined): Sink<T> {
    const sink = this.#streams.receive<T>(stream, true);
    if (signal?.aborted === true) sink.abort(abortedBy(signal));
    else signal?.addEventListener('abort', () => sink.abort(abortedBy(signal)), { once: true });
    return sink;
  }
}
