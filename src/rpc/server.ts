import { createHash, timingSafeEqual } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { PangeaError } from '../errors/errors.ts';
import { systemClock, type Clock, type Timer } from '../std/std.ts';
import type { Metrics } from '../telemetry/telemetry.ts';
import { Batch, type ThreadPort } from './bridge/batch.ts';
import { errorOf, wireErrorOf } from './bridge/errors.ts';
import { BridgeHost } from './bridge/host.ts';
import type { TallyAmount, ToNode, ToSurface } from './bridge/messages.ts';
import { rpcNodeOf, type RpcNode } from './rpc-node.ts';
import type { RpcServer, RpcServerOptions } from './rpc.ts';
import type { SurfaceData } from './worker/surface-thread.ts';

/** Between the end of a thread that crashed and the next: doubled with each crash, back to the first after a quiet while. */
const firstPauseMs = 250;
const longestPauseMs = 30_000;
const quietMs = 60_000;
/** What the thread gets beyond its deadline before it is ended. */
const graceMs = 500;

/** Throws `PORT_IN_USE`, `ADDRESS_INVALID`, `NATIVE_UNAVAILABLE`, `CONFIG_INVALID` (certificate or key). */
export async function openRpcServer(options: RpcServerOptions, clock: Clock = systemClock): Promise<RpcServer> {
  const server = new ThreadedServer(options, clock);
  await server.start();
  return server;
}

class ThreadedServer implements RpcServer {
  readonly engine: 'native' | 'wasm';
  readonly #options: RpcServerOptions;
  readonly #clock: Clock;
  readonly #node: RpcNode;
  readonly #count: (amounts: readonly TallyAmount[]) => void;
  readonly #counts = new SharedArrayBuffer(3 * Float64Array.BYTES_PER_ELEMENT);
  #port = 0;
  #thread: SurfaceThread | undefined;
  #pauseMs = firstPauseMs;
  #restart: Timer | undefined;
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: RpcServerOptions, clock: Clock) {
    this.engine = options.engine;
    this.#options = options;
    this.#clock = clock;
    this.#node = rpcNodeOf(options.api, tokenCheck(options.token));
    this.#count = counters(options.metrics);
    options.metrics.gauge('pangea_rpc_connections', 'RPC connections now', () => this.counts().connections);
    options.metrics.gauge('pangea_rpc_memory_bytes', 'Memory that RPC connections hold', () => this.counts().memoryBytes);
  }

  get port(): number {
    return this.#port;
  }

  get isUp(): boolean {
    return this.#thread !== undefined;
  }

  counts(): { connections: number; calls: number; memoryBytes: number } {
    const [connections = 0, calls = 0, memoryBytes = 0] = new Float64Array(this.#counts);
    return { connections, calls, memoryBytes };
  }

  start(): Promise<void> {
    return (this.#starting = this.#start());
  }

  async #start(): Promise<void> {
    const { listen, tls, engine, admit, logger } = this.#options;
    // After a crash the same port, whatever the first one was.
    const data: SurfaceData = { listen: { host: listen.host, port: this.#port || listen.port }, tls, engine, counts: this.#counts };
    const startedMs = this.#clock.monotonicMs();
    const thread = new SurfaceThread(data, this.#node, { admit, logger, count: this.#count });
    this.#port = await thread.listening;
    this.#thread = thread;
    void thread.ended.then((reason) => {
      this.#thread = undefined;
      new Float64Array(this.#counts).fill(0, 0, 1).fill(0, 2);
      this.#crashed(reason, startedMs);
    });
  }

  close(deadlineMs: number): Promise<void> {
    return (this.#closing ??= this.#close(deadlineMs));
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#restart?.cancel();
    // One that is on its way would come when nobody ends it any more.
    await this.#starting?.catch(() => undefined);
    await this.#thread?.close(deadlineMs, this.#clock);
  }

  #crashed(reason: string, startedMs: number): void {
    if (this.#closing !== undefined) return;
    const { logger } = this.#options;
    if (this.#clock.monotonicMs() - startedMs > quietMs) this.#pauseMs = firstPauseMs;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    logger.error({ reason, pauseMs }, 'the RPC thread ended: its connections are gone, and it is started again');
    this.#restart = this.#clock.after(pauseMs, () => {
      this.start().catch((error: unknown) => this.#crashed(error instanceof Error ? error.message : String(error), startedMs));
    });
  }
}

interface ThreadOptions extends Pick<RpcServerOptions, 'admit' | 'logger'> {
  readonly count: (amounts: readonly TallyAmount[]) => void;
}

/** One life of the thread, with the node's end of its bridge. */
class SurfaceThread {
  readonly listening: Promise<number>;
  /** Resolves with the reason when the thread is gone. */
  readonly ended: Promise<string>;
  readonly #worker: Worker;
  readonly #out: Batch<ToSurface>;

  constructor(data: SurfaceData, node: RpcNode, { admit, logger, count }: ThreadOptions) {
    this.#worker = new Worker(new URL('./worker/surface-thread.ts', import.meta.url), { workerData: data, execArgv: [], name: 'rpc' });
    this.#out = new Batch<ToSurface>(this.#worker as ThreadPort, (message, error) => {
      logger.error({ message: message.type, error }, 'a message to the RPC thread cannot be sent');
      if (message.type === 'answer') this.#out.post({ type: 'refusal', id: message.id, error: wireErrorOf(error) });
    });
    const host = new BridgeHost(node, this.#out, logger);
    const listening = Promise.withResolvers<number>();
    const ended = Promise.withResolvers<string>();
    let reason = '';
    this.listening = listening.promise;
    this.ended = ended.promise;
    this.#worker.on('message', (messages: readonly ToNode[]) => {
      for (const message of messages) {
        if (message.type === 'log') logger[message.level](message.fields, message.text);
        else if (message.type === 'tally') count(message.amounts);
        else if (message.type === 'admit') this.#out.post({ type: 'admitted', id: message.id, isAdmitted: admit(message.address) });
        else if (message.type === 'listening') listening.resolve(message.port);
        else if (message.type === 'failed') listening.reject(errorOf(message.error));
        else if (message.type !== 'closed') host.handle(message);
      }
    });
    this.#worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    this.#worker.on('exit', (code) => {
      host.close();
      listening.reject(new PangeaError('INTERNAL', `the RPC thread ended before it listened: ${reason || `exit ${code}`}`));
      ended.resolve(reason || `exit ${code}`);
    });
    // Who failed to listen is of no use.
    this.listening.catch(() => void this.#worker.terminate());
  }

  async close(deadlineMs: number, clock: Clock): Promise<void> {
    this.#out.post({ type: 'close', deadlineMs });
    const timer = clock.after(deadlineMs + graceMs, () => void this.#worker.terminate());
    await this.ended;
    timer.cancel();
  }
}

/** Compares hashes, so that the time it takes says nothing about the token. */
function tokenCheck(token: RpcServerOptions['token']): ((shown: string) => Promise<boolean>) | undefined {
  if (token === undefined) return undefined;
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return async (shown) => timingSafeEqual(hash(shown), hash(typeof token === 'string' ? token : await token()));
}

function counters(metrics: Metrics): (amounts: readonly TallyAmount[]) => void {
  const known: Readonly<Record<string, ReturnType<Metrics['counter']>>> = {
    calls: metrics.counter('pangea_rpc_calls_total', 'RPC calls by method', ['method']),
    exceptions: metrics.counter('pangea_rpc_exceptions_total', 'RPC calls answered with an exception, by code', ['code']),
    refusals: metrics.counter('pangea_rpc_refusals_total', 'RPC connections and logins refused, and connections ended, by reason', ['reason']),
    bytesIn: metrics.counter('pangea_rpc_received_bytes_total', 'Bytes from RPC clients'),
    bytesOut: metrics.counter('pangea_rpc_sent_bytes_total', 'Bytes to RPC clients'),
  };
  const labelNames: Readonly<Record<string, string>> = { calls: 'method', exceptions: 'code', refusals: 'reason' };
  return (amounts) => {
    for (const { counter, label, amount } of amounts) {
      const name = labelNames[counter];
      known[counter]?.add(amount, name === undefined ? {} : { [name]: label });
    }
  };
}
