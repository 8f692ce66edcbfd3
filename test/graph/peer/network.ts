import { createMesh } from '../../../src/graph/dam/create.ts';
import type { Mesh, WireSink } from '../../../src/graph/dam/dam.ts';
import { createGraphPeer, type GraphPeerOptions } from '../../../src/graph/peer/create.ts';
import type { Delta, Value } from '../../../src/graph/data/types.ts';
import type { GraphPeer, PutAck } from '../../../src/graph/peer/peer.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { type Clock, type Random, seededRandom } from '../../../src/std/std.ts';
import { VirtualClock } from '../../sim/clock.ts';

export interface PeerWish extends Partial<Omit<GraphPeerOptions, 'mesh' | 'clock' | 'random'>> {
  readonly relay?: boolean;
}

/** A peer with the real mesh, in virtual time. */
export function simulatedPeer(clock: Clock, random: Random, { relay = false, ...wish }: PeerWish = {}): GraphPeer {
  return createGraphPeer({
    store: new MemoryStore(), clock, random, ...wish,
    mesh: (handler, pid) => createMesh({ handler, clock, random, pid, relay }),
  });
}

export interface Link {
  readonly up: boolean;
  /** Frames under way are lost. */
  cut(): void;
}

/** A wire between two meshes that takes some milliseconds for each frame and keeps their order. */
export function link(clock: VirtualClock, random: Random, from: Mesh, to: Mesh, longestMs = 20): Link {
  let up = true;
  const sinks: WireSink[] = [];
  const cut = (): void => {
    if (!up) return;
    up = false;
    for (const sink of sinks) sink.closed();
  };
  const wire = (name: string, dialled: boolean, other: number): Parameters<Mesh['attach']>[0] => {
    let freeMs = 0;
    return {
      name, dialled,
      send(text) {
        // Not before the frame in front of it.
        freeMs = Math.max(freeMs, clock.monotonicMs() + random.integer(longestMs + 1));
        clock.after(freeMs - clock.monotonicMs(), () => {
          if (up) sinks[other]?.text(text);
        });
      },
      buffered: () => 0,
      close: () => void clock.after(0, cut),
    };
  };
  sinks[1] = to.attach(wire('10.0.0.1', false, 0));
  sinks[0] = from.attach(wire(`ws://${to.pid}/gun`, true, 1));
  return {
    get up() {
      return up;
    },
    cut,
  };
}

export interface Leaf {
  /** Messages that came, batches opened. */
  readonly heard: Readonly<Record<string, unknown>>[];
  say(message: unknown): void;
  hang(): void;
}

/** The end of a client of gun.js, played by hand: it answers what `reply` gives, and never says anything by itself. */
export function handPlayedLeaf(clock: VirtualClock, mesh: Mesh, pid: string, reply: (message: Readonly<Record<string, unknown>>) => unknown = () => undefined): Leaf {
  const heard: Readonly<Record<string, unknown>>[] = [];
  let open = true;
  const say = (message: unknown): void => {
    if (open) sink.text(JSON.stringify(message));
  };
  const sink = mesh.attach({
    name: '10.0.0.9', dialled: false, buffered: () => 0,
    send(text) {
      for (const message of [JSON.parse(text)].flat() as Record<string, unknown>[]) {
        heard.push(message);
        const answer = reply(message);
        if (answer !== undefined) clock.after(1, () => say(answer));
      }
    },
    close: () => void clock.after(0, () => sink.closed()),
  });
  say({ dam: 'hi', '#': `hi-${pid}-${clock.monotonicMs()}` });
  say({ dam: '?', pid, '#': `who-${pid}-${clock.monotonicMs()}` });
  return {
    heard, say,
    hang() {
      open = false;
      sink.closed();
    },
  };
}

export interface World {
  readonly clock: VirtualClock;
  peer(wish?: PeerWish): GraphPeer;
  link(from: GraphPeer, to: GraphPeer): ReturnType<typeof link>;
  end(): Promise<void>;
}

/** Peers and wires of one virtual time, closed together. */
export function world(): World {
  const clock = new VirtualClock();
  const random = seededRandom(11);
  const peers: GraphPeer[] = [];
  return {
    clock,
    peer(wish) {
      const peer = simulatedPeer(clock, random, wish);
      peers.push(peer);
      return peer;
    },
    link: (from, to) => link(clock, random, from.mesh, to.mesh),
    end: async () => void (await clock.until(Promise.all(peers.map((peer) => peer.close())))),
  };
}

export function write(soul: string, key: string, value: Value, state: number): Delta {
  return { soul, fields: [{ key, value, state }] };
}

/** An acknowledgement in a few words. */
export function shorten({ from, stored, err, lack }: PutAck): string {
  return `${from === 'local' ? 'local' : lack ? 'nobody' : 'peer'} ${stored ?? err}`;
}
