/** Wires to peers that were named by the operator or the program, held for as long as they are wanted. Runs in browsers. */
import type { Clock, Random, Timer } from '../../std/std.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { Mesh, WireSink } from '../dam/dam.ts';

/** A socket as far as the client uses it: that of browsers, or `node-socket.ts`. */
export interface Socket {
  send(text: string): void;
  buffered(): number;
  close(): void;
  pause?(): void;
  resume?(): void;
}

export interface SocketEvents {
  open(): void;
  text(frame: string): void;
  /** Once, at the end, whatever came before. */
  closed(): void;
}

export type SocketFactory = (url: string, events: SocketEvents) => Socket;

export interface Backoff {
  /** Of the first wait; each failure doubles it. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** A connection that lived for so long makes the next wait a first one. */
  readonly stableMs: number;
  /** For another wire that leads to a peer that is connected already. */
  readonly pooledMs: number;
  /** Attempts that do not come to an end. */
  readonly openMs: number;
  /** Silence after which a wire is given up. Relays say something every 20 seconds. */
  readonly silentMs: number;
}

export const defaultBackoff: Backoff = { firstMs: 500, lastMs: 30_000, stableMs: 10_000, pooledMs: 30_000, openMs: 10_000, silentMs: 65_000 };

export interface ClientOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly socket: SocketFactory;
  readonly backoff?: Partial<Backoff>;
}

/** `self`: the URL leads back to this very process, and is not tried again. */
export type ClientState = 'connecting' | 'open' | 'waiting' | 'closed' | 'self';

export interface GraphClient {
  readonly url: string;
  readonly state: ClientState;
  close(): void;
}

/** `http(s)` becomes `ws(s)`; without a path it is `/gun`. Throws `ADDRESS_INVALID`. */
export function graphUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new PangeaError('ADDRESS_INVALID', `not a URL of a graph peer: ${text}`, { cause, data: { url: text } });
  }
  const protocol = { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' }[url.protocol];
  if (protocol === undefined) throw new PangeaError('ADDRESS_INVALID', `graph peers have URLs with ws, wss, http or https: ${text}`, { data: { url: text } });
  const path = url.pathname === '/' ? '/gun' : url.pathname;
  return `${protocol}//${url.host}${path}${url.search}`;
}

/** Connects, and connects again whenever the wire is lost, until closed. Throws `ADDRESS_INVALID`. */
export function keepConnected(url: string, mesh: Mesh, options: ClientOptions): GraphClient {
  return new Client(graphUrl(url), mesh, options);
}

class Client implements GraphClient {
  readonly url: string;
  readonly #mesh: Mesh;
  readonly #options: ClientOptions;
  readonly #backoff: Backoff;
  #state: ClientState = 'waiting';
  #failures = 0;
  #socket: Socket | undefined;
  #retry: Timer | undefined;

  constructor(url: string, mesh: Mesh, options: ClientOptions) {
    this.url = url;
    this.#mesh = mesh;
    this.#options = options;
    this.#backoff = { ...defaultBackoff, ...options.backoff };
    this.#connect();
  }

  get state(): ClientState {
    return this.#state;
  }

  close(): void {
    this.#state = 'closed';
    this.#retry?.cancel();
    this.#socket?.close();
  }

  #connect(): void {
    const { clock, socket: open } = this.#options;
    this.#state = 'connecting';
    let sink: WireSink | undefined;
    let socket: Socket;
    let ended = false;
    let reason: string | undefined;
    let openedMs: number | undefined;
    let heardMs = clock.monotonicMs();
    let watch: Timer | undefined;
    const end = (): void => {
      if (ended) return;
      ended = true;
      watch?.cancel();
      sink?.closed();
      this.#ended(reason, openedMs === undefined ? 0 : clock.monotonicMs() - openedMs);
    };
    const watchSilence = (): void => {
      const leftMs = (openedMs === undefined ? this.#backoff.openMs : this.#backoff.silentMs) - (clock.monotonicMs() - heardMs);
      watch = clock.after(Math.max(leftMs, 1), () => {
        if (leftMs > 1 && clock.monotonicMs() - heardMs < (openedMs === undefined ? this.#backoff.openMs : this.#backoff.silentMs)) return watchSilence();
        socket.close();
        // A socket to a machine that is gone takes its time to say so.
        end();
      });
    };
    const close = (why: string): void => {
      reason = why;
      socket.close();
    };
    try {
      socket = open(this.url, {
        open: () => {
          if (ended) return;
          openedMs = heardMs = clock.monotonicMs();
          this.#state = 'open';
          watch?.cancel();
          watchSilence();
          sink = this.#mesh.attach({
            name: this.url, dialled: true, close,
            send: (text) => socket.send(text),
            buffered: () => socket.buffered(),
            ...(socket.pause && socket.resume ? { pause: () => socket.pause?.(), resume: () => socket.resume?.() } : {}),
          });
        },
        text: (frame) => {
          heardMs = clock.monotonicMs();
          sink?.text(frame);
        },
        closed: end,
      });
    } catch {
      return end();
    }
    this.#socket = socket;
    if (!ended) watchSilence();
  }

  #ended(reason: string | undefined, livedMs: number): void {
    this.#socket = undefined;
    if (this.#state === 'closed') return;
    if (reason === 'self') {
      this.#state = 'self';
      return;
    }
    this.#failures = livedMs >= this.#backoff.stableMs ? 0 : this.#failures + 1;
    const { firstMs, lastMs, pooledMs } = this.#backoff;
    const fullMs = reason === 'duplicate' ? pooledMs : Math.min(lastMs, firstMs * 2 ** Math.min(30, Math.max(0, this.#failures - 1)));
    this.#state = 'waiting';
    // Between half and all of it, so that the clients of a relay that restarts do not come in step.
    this.#retry = this.#options.clock.after(fullMs * (0.5 + this.#options.random.unit() / 2), () => this.#connect());
  }
}
