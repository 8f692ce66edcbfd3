/** Wires without sockets: two meshes in one process, or a mesh and a hand that writes frames. */
import type { Mesh, Wire, WireSink } from '../../../src/graph/dam/dam.ts';

/** Delivers in later turns, in order. `cut` ends it from outside. */
export function connect(dialler: Mesh, acceptor: Mesh, names = { dialler: '10.0.0.1', acceptor: 'ws://b/gun' }): { cut(): void } {
  let open = true;
  const sinks: { dialler?: WireSink; acceptor?: WireSink } = {};
  const end = (): void => {
    if (!open) return;
    open = false;
    sinks.dialler?.closed();
    sinks.acceptor?.closed();
  };
  const wire = (name: string, dialled: boolean, other: 'dialler' | 'acceptor'): Wire => ({
    name, dialled,
    send: (text) => setImmediate(() => open && sinks[other]?.text(text)),
    buffered: () => 0,
    close: () => setImmediate(end),
  });
  sinks.acceptor = acceptor.attach(wire(names.dialler, false, 'dialler'));
  sinks.dialler = dialler.attach(wire(names.acceptor, true, 'acceptor'));
  return { cut: end };
}

export interface Hand {
  /** Messages that the mesh sent, batches opened. */
  readonly heard: Record<string, unknown>[];
  readonly frames: string[];
  readonly closed: string | undefined;
  buffered: number;
  say(message: unknown): void;
  raw(frame: string): void;
  hang(): void;
}

let hands = 0;

/** A wire of which the other end is the test. */
export function hand(mesh: Mesh, { name = '10.0.0.9', dialled = false, pid, leaf = false }: { name?: string; dialled?: boolean; pid?: string; leaf?: boolean } = {}): Hand {
  const heard: Record<string, unknown>[] = [];
  const frames: string[] = [];
  const state = { closed: undefined as string | undefined, buffered: 0 };
  let sink: WireSink | undefined;
  sink = mesh.attach({
    name, dialled,
    send(text) {
      frames.push(text);
      const parsed = JSON.parse(text) as unknown;
      heard.push(...((Array.isArray(parsed) ? parsed : [parsed]) as Record<string, unknown>[]));
    },
    buffered: () => state.buffered,
    close(reason) {
      if (state.closed !== undefined) return;
      state.closed = reason;
      sink?.closed();
    },
  });
  if (leaf) sink.text(JSON.stringify({ dam: 'hi', '#': `hi-of-${pid ?? name}-${hands++}` }));
  if (pid !== undefined) sink.text(JSON.stringify({ dam: '?', pid, '@': 'x' }));
  return {
    heard, frames,
    get closed() {
      return state.closed;
    },
    get buffered() {
      return state.buffered;
    },
    set buffered(bytes) {
      state.buffered = bytes;
    },
    say: (message) => sink.text(JSON.stringify(message)),
    raw: (frame) => sink.text(frame),
    hang: () => sink.closed(),
  };
}

/** Turns of the event loop: as many as messages need hops, and some. */
export async function settle(turns = 30): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}
