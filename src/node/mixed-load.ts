/**
 * How busy this node and its machine are, over the last seconds. `cpuUsage`: share of all processors' time that was not idle, 0–1,
 * of the whole machine. `ioCapacity`: share of time in which the node's event loop waited for work, 0–1. `bandwidthMbps`: payload of the shard
 * protocol that this node sent and received; not what the line could carry.
 */
import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import type { Body } from '../body/body.ts';
import type { Clock, Timer } from '../std/std.ts';
import type { Reply, Request, RequestHandler, RequestOptions, Transport } from '../transport/transport.ts';

const sampleMs = 5_000;

export interface LoadReading {
  readonly cpuUsage: number;
  readonly ioCapacity: number;
  readonly bandwidthMbps: number;
}

interface Sample {
  readonly atMs: number;
  readonly busyMs: number;
  readonly totalMs: number;
  readonly loop: ReturnType<typeof performance.eventLoopUtilization>;
  readonly bytes: number;
}

export class Load {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #bytes = 0;
  /** The last whole interval is measured from the older one, so that a reading never covers only an instant. */
  #older: Sample;
  #newer: Sample;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#older = this.#sample();
    this.#newer = this.#older;
  }

  start(): void {
    this.#timer = this.#clock.after(sampleMs, () => {
      [this.#older, this.#newer] = [this.#newer, this.#sample()];
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  moved(bytes: number): void {
    this.#bytes += bytes;
  }

  reading(): LoadReading {
    const [from, to] = [this.#older, this.#sample()];
    const totalMs = to.totalMs - from.totalMs;
    const seconds = Math.max(to.atMs - from.atMs, 1) / 1000;
    return {
      cpuUsage: totalMs > 0 ? clamp((to.busyMs - from.busyMs) / totalMs) : 0,
      ioCapacity: clamp(1 - performance.eventLoopUtilization(to.loop, from.loop).utilization),
      bandwidthMbps: ((to.bytes - from.bytes) * 8) / 1e6 / seconds,
    };
  }

  #sample(): Sample {
    let [busyMs, totalMs] = [0, 0];
    for (const { times } of cpus()) {
      const all = times.user + times.nice + times.sys + times.idle + times.irq;
      totalMs += all;
      busyMs += all - times.idle;
    }
    return { atMs: this.#clock.monotonicMs(), busyMs, totalMs, loop: performance.eventLoopUtilization(), bytes: this.#bytes };
  }
}

/** The same transport, with the payload of its own requests counted. */
export function counted(transport: Transport, load: Load): Transport {
  return {
    name: transport.name,
    localPeer: transport.localPeer,
    addresses: () => transport.addresses(),
    listen: (handler) => transport.listen(countedHandler(handler, load)),
    setAddresses: (peer, addresses) => transport.setAddresses(peer, addresses),
    async request<T extends Request['type']>(peer: Parameters<Transport['request']>[0], request: Extract<Request, { type: T }>, options: RequestOptions = {}): Promise<Reply<T>> {
      const sent = options.body?.byteLength ?? 0;
      const reply = await transport.request<T>(peer, request, options);
      load.moved(sent + payloadOf(reply));
      return reply;
    },
    connect: (address, options) => transport.connect(address, options),
    connectedPeers: () => transport.connectedPeers(),
    disconnect: (peer) => transport.disconnect(peer),
    on: (events) => transport.on(events),
    close: (deadlineMs) => transport.close(deadlineMs),
  };
}

function countedHandler(handler: RequestHandler, load: Load): RequestHandler {
  return async (peer, request, body: Body) => {
    const received = body.byteLength;
    const reply = await handler(peer, request, body);
    load.moved(received + payloadOf(reply));
    return reply;
  };
}

function payloadOf(reply: Reply): number {
  return reply.status === 0 ? reply.body.byteLength : 0;
}

function clamp(share: number): number {
  return Math.min(Math.max(share, 0), 1);
}
