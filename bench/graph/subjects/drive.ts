/** The loops of the bench inside a subject. They are the same for every subject: only the adapter differs. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { idOf, nodeOf, putFrames, setFrames, soulOf, valueOf } from '../made.ts';
import type { Adapter, Opening } from './adapter.ts';
import { answer } from './answer.ts';

export interface Timed {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly done: number;
}

export interface Memory {
  readonly rss: number;
  readonly heap: number;
}

/** Frames that may be under way before the first of them is merged. */
const framesAhead = 20;
/** When nothing comes any more, the rest is taken for lost. */
const silenceMs = 12_000;

export function drive(adapter: Adapter): void {
  const acks = new Map<string, () => void>();
  let hear: ((frame: string) => void) | undefined;
  let heard: ((message: RawMessage) => void) | undefined;
  const raw = (): ((frame: string) => void) => hear ??= adapter.raw((frame) => {
    for (const message of messagesOf(frame)) {
      if (message['@'] !== undefined && message.put === undefined && message.err === undefined && message.ok !== undefined) acks.get(message['@'])?.();
      heard?.(message);
    }
  });
  let nodes = 0;
  const changes: { at: number; value: number }[] = [];

  answer({
    open: async (opening: Opening) => ({ port: await adapter.open(opening) }),
    peers: () => adapter.peers(),

    /** Puts as messages of a peer; done when the last is in memory. */
    rawPuts: ({ from = 0, count }: { from?: number; count: number }) => {
      const feed = raw();
      return timed(async () => {
        const ahead: number[] = [];
        for (const { frame, last } of putFrames(from, count)) {
          feed(frame);
          ahead.push(last);
          while (ahead.length > framesAhead) {
            await turn();
            while (ahead[0] !== undefined && adapter.has(soulOf(ahead[0]), 'count')) ahead.shift();
          }
        }
        for (const last of ahead) while (!adapter.has(soulOf(last), 'count')) await turn();
        return count;
      });
    },

    /** The same, each acknowledged before more than `ahead` are waiting. */
    rawAckedPuts: ({ from = 0, count, ahead }: { from?: number; count: number; ahead: number }) => {
      const feed = raw();
      // Made before the clock runs: the quicker the subject, the more the making of frames would weigh.
      const frames = [...putFrames(from, count)];
      return timed(async () => {
        const waiting = new Waiting(ahead);
        for (const { frame, last } of frames) {
          for (let at = waiting.started + from; at <= last; at++) {
            const id = idOf('p', at);
            const settle = waiting.start();
            acks.set(id, () => {
              acks.delete(id);
              settle();
            });
          }
          feed(frame);
          await waiting.room();
        }
        return waiting.all();
      });
    },

    chainPuts: ({ from = 0, count }: { from?: number; count: number }) => timed(async () => {
      for (let at = from; at < from + count; at++) {
        adapter.put(soulOf(at), valueOf(at));
        if (at % 1000 === 999) await turn();
      }
      while (!adapter.has(soulOf(from + count - 1), 'count')) await turn();
      return count;
    }),

    chainAckedPuts: ({ from = 0, count, ahead }: { from?: number; count: number; ahead: number }) => timed(async () => {
      const waiting = new Waiting(ahead);
      for (let at = from; at < from + count; at++) {
        const settle = waiting.start();
        adapter.put(soulOf(at), valueOf(at), (ok) => {
          if (ok) settle();
        });
        if (at % 100 === 99) await waiting.room();
      }
      return waiting.all();
    }),

    onces: ({ from = 0, count, key }: { from?: number; count: number; key?: string }) => timed(async () => {
      const waiting = new Waiting(1000);
      for (let at = from; at < from + count; at++) {
        const settle = waiting.start();
        adapter.once(soulOf(at), key, (value) => {
          if (value !== undefined && value !== null) settle();
        });
        if (at % 50 === 49) await waiting.room();
      }
      return waiting.all();
    }),

    /** Raw messages that make `set` a set of the nodes that are there. */
    rawSet: async ({ set, count }: { set: string; count: number }) => {
      const feed = raw();
      for (const frame of setFrames(set, 0, count)) {
        feed(frame);
        await turn();
      }
      while (!adapter.has(set, soulOf(count - 1))) await turn();
    },

    /** Until each of `count` items came with a whole node, or nothing new comes for a while, or time is up. */
    map: ({ set, count, deadlineMs = 600_000 }: { set: string; count: number; deadlineMs?: number }) => timed(async () => {
      const seen = new Set<string>();
      const progress = new Progress(() => seen.size, count, deadlineMs);
      adapter.map(set, (key, value) => {
        if ((value as { count?: number } | null | undefined)?.count !== undefined) seen.add(key);
        progress.step();
      });
      return progress.end();
    }),

    /** Asks peers for nodes by name, `ahead` at a time: for who knows the names, the quickest way of gun.js. */
    pullOnces: ({ count, ahead, deadlineMs }: { count: number; ahead: number; deadlineMs: number }) => timed(async () => {
      const late = performance.now() + deadlineMs;
      const waiting = new Waiting(ahead);
      for (let at = 0; at < count && performance.now() < late; at++) {
        const settle = waiting.start();
        adapter.once(soulOf(at), 'count', (value) => {
          if (value !== undefined) settle();
        });
        if (at % 50 === 49) await waiting.room();
      }
      return waiting.all();
    }),

    /** Waits until `count` nodes are here that nobody asked for one by one. */
    arrival: ({ count, deadlineMs }: { count: number; deadlineMs: number }) => timed(async () => {
      let at = 0;
      for (const late = performance.now() + deadlineMs; at < count && performance.now() < late;) {
        while (at < count && adapter.has(soulOf(at), 'count') && adapter.has(soulOf(at), 'name') && adapter.has(soulOf(at), 'done')) at++;
        await sleep(1);
      }
      return at;
    }),

    /** How many of the nodes a peer gets who asks for each of them, whole and right. */
    present: async ({ count }: { count: number }) => {
      const feed = raw();
      const right = new Set<number>();
      const asked = new Map<string, number>();
      heard = (message) => {
        const at = message['@'] === undefined ? undefined : asked.get(message['@']);
        const node = at === undefined ? undefined : message.put?.[soulOf(at)];
        if (at !== undefined && node && Object.entries(valueOf(at)).every(([key, value]) => node[key] === value)) right.add(at);
      };
      const progress = new Progress(() => right.size, count, 120_000);
      for (let at = 0; at < count; at++) {
        asked.set(idOf('a', at), at);
        feed(JSON.stringify({ '#': idOf('a', at), get: { '#': soulOf(at) } }));
        if (at % 200 === 199) {
          await sleep(1);
          progress.step();
        }
      }
      const found = (await progress.end(4_000)).done;
      heard = undefined;
      return found;
    },

    watch: ({ soul, key }: { soul: string; key: string }) => {
      adapter.on(soul, key, (value) => {
        if (typeof value === 'number') changes.push({ at: now(), value });
      });
    },
    /** Writes 1, 2, … and tells when each was written. */
    write: async ({ soul, key, count, gapMs }: { soul: string; key: string; count: number; gapMs: number }) => {
      const written: number[] = [];
      for (let value = 1; value <= count; value++) {
        written.push(now());
        adapter.putKey(soul, key, value);
        await sleep(gapMs);
      }
      return written;
    },
    changes: () => changes.splice(0),

    memory: async (): Promise<Memory> => {
      for (let pass = 0; pass < 3; pass++) {
        globalThis.gc?.();
        await sleep(20);
      }
      const { rss, heapUsed, external } = process.memoryUsage();
      return { rss, heap: heapUsed + external };
    },
    node: ({ soul, key, value, state }: { soul: string; key: string; value: string | number; state: number }) => {
      raw()(JSON.stringify({ '#': idOf('n', nodes++), put: { [soul]: nodeOf(soul, { [key]: value }, state) } }));
    },
    close: () => adapter.close(),
  }, () => adapter.close());
}

interface RawMessage {
  readonly '@'?: string;
  readonly ok?: unknown;
  readonly err?: unknown;
  readonly put?: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
}

function messagesOf(frame: string): readonly RawMessage[] {
  const parsed = JSON.parse(frame) as RawMessage | RawMessage[];
  return Array.isArray(parsed) ? parsed : [parsed];
}

/** Comparable between processes of one machine. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

/** The clock stops at the last thing that was done: waiting for what never comes costs the subject nothing but the thing itself. */
async function timed(work: () => Promise<number | Waiting | Progress>): Promise<Timed> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const result = await work();
  const { done, at } = typeof result === 'number' ? { done: result, at: performance.now() } : result;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (at - begun) / 1000, cpuSeconds: (user + system) / 1e6, done };
}

/** Operations under way, at most `ahead` of them; what never settles is counted as not done after a silence. */
class Waiting {
  readonly #ahead: number;
  started = 0;
  done = 0;
  /** When the last one settled. */
  at = performance.now();
  #wake: (() => void) | undefined;

  constructor(ahead: number) {
    this.#ahead = ahead;
  }

  start(): () => void {
    this.started++;
    return () => {
      this.done++;
      this.at = performance.now();
      this.#wake?.();
    };
  }

  /** Resolves when less than `ahead` are under way, but gives the loop a turn in any case. */
  async room(): Promise<void> {
    await turn();
    await this.#until(() => this.started - this.done < this.#ahead);
  }

  async all(): Promise<this> {
    await this.#until(() => this.done >= this.started);
    return this;
  }

  async #until(reached: () => boolean): Promise<void> {
    while (!reached() && performance.now() - this.at < silenceMs) {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, 1_000);
      this.#wake = late.resolve;
      await late.promise;
      clearTimeout(timer);
    }
  }
}

/** A count that grows from outside, until it is full, silent or late. */
class Progress {
  readonly #read: () => number;
  readonly #full: number;
  readonly #late: number;
  done = 0;
  at = performance.now();

  constructor(read: () => number, full: number, deadlineMs: number) {
    this.#read = read;
    this.#full = full;
    this.#late = performance.now() + deadlineMs;
  }

  step(): void {
    const count = this.#read();
    if (count === this.done) return;
    this.done = count;
    this.at = performance.now();
  }

  async end(silence = silenceMs): Promise<this> {
    for (this.step(); this.done < this.#full && performance.now() < this.#late && performance.now() - this.at < silence; this.step()) await sleep(2);
    return this;
  }
}
