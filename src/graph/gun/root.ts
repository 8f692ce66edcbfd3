import { randomId } from '../data/random-id.ts';
import type { Chain, NodeData } from '../chain/chain.ts';
import type { Assembled } from '../open.ts';
import type { Sea } from '../sea/sea.ts';
import { on, type Emitter, type Head } from './emitter.ts';
import { urlsOf, type GunOptions } from './options.ts';
import { PluginWire } from './plugin-wire.ts';
import { SeenGraph } from './seen-graph.ts';

/** `gun._` of the root: as much of GUN's insides as programs and plugins are known to use. */
export class Root implements Emitter {
  tag?: Record<string, Head>;
  readonly root: Root = this;
  readonly opt: GunOptions;
  readonly parts: Assembled;
  readonly seen: SeenGraph;
  readonly ends: NonNullable<Emitter['ends']>;
  $!: Chain;
  user: Chain | undefined;
  /** That of `Gun.SEA`, so that its switches hold for users too. */
  readonly sea: Sea;
  readonly #plugins: PluginWire;
  #releases: (() => void)[] = [];

  constructor(parts: Assembled, options: GunOptions, sea: Sea) {
    this.parts = parts;
    this.sea = sea;
    this.opt = options;
    this.opt.uuid ??= (length = 12) => parts.peer.nextState().toString(36).replace('.', '') + randomId(parts.random, length);
    this.seen = new SeenGraph(parts.peer);
    this.#plugins = new PluginWire(parts.peer.mesh, (message) => this.on('out', message));
    this.ends = { in: (message) => this.#plugins.in(message) };
    const { session } = parts;
    this.#releases.push(parts.peer.onPeer((change, peer) => this.on(change, { url: peer.name, id: peer.name, pid: peer.pid })));
    if (session) {
      const told = session.onChange((who) => {
        if (who) this.on('auth', { ok: 1, soul: session.soul, get: session.soul, pub: who.pub, is: who, sea: session.pair });
      });
      this.#releases.push(told);
    }
  }

  get graph(): Record<string, NodeData | undefined> {
    return this.seen.view;
  }

  on(name: string, listener: unknown, as?: unknown): ReturnType<Emitter['on']> {
    if (name === 'out' && typeof listener === 'function') this.#plugins.attach();
    return on.call(this, name, listener, as);
  }

  /** Connects to peers that are new; keeps other options for whoever reads them. */
  add(options: GunOptions): void {
    const { peers, ...others } = options;
    Object.assign(this.opt, others);
    if (peers) this.opt.peers = { ...this.opt.peers, ...peers };
    for (const url of urlsOf(peers ? { peers } : {})) this.parts.connect(url);
  }

  async close(): Promise<void> {
    for (const release of this.#releases.splice(0)) release();
    this.$.off();
    await this.parts.close();
  }
}
