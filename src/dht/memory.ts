/**
 * A Kademlia network in one process: every node keeps its own provider and value records, look-ups go to the
 * nodes nearest by XOR that can be reached, and the contract's limits and validation hold as on the wire.
 * What it leaves out is routing: every node knows every other.
 */
import { createHash } from 'node:crypto';
import { PangeaError } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import { equalBytes, toHex, utf8, type Clock, type Timer } from '../std/std.ts';
import { limits, type Dht, type FoundPeer, type RecordRules } from './dht.ts';

/** Kademlia's k: how many of the nearest nodes keep a record. */
const replication = 20;
const providerTtlMs = 24 * 3_600_000;
const reprovideMs = 12 * 3_600_000;

export interface MemoryDhtNetworkOptions {
  /** False where a partition or a crash lies between two nodes. Default: all reach all. */
  readonly reachable?: (from: PeerId, to: PeerId) => boolean;
}

export interface MemoryDhtOptions {
  readonly rules: Readonly<Record<string, RecordRules>>;
  readonly clock: Clock;
}

export class MemoryDhtNetwork {
  readonly #nodes = new Map<PeerId, MemoryDht>();
  readonly #reachable: (from: PeerId, to: PeerId) => boolean;

  constructor(options: MemoryDhtNetworkOptions = {}) {
    this.#reachable = options.reachable ?? (() => true);
  }

  /** A node that takes part at once; a second one with the same PeerId replaces the first, which had crashed. */
  dht(peer: PeerId, multiaddrs: readonly string[], options: MemoryDhtOptions): Dht {
    this.#nodes.get(peer)?.vanish();
    const node = new MemoryDht(peer, multiaddrs, options, (from) => this.#others(from), (gone) => {
      if (this.#nodes.get(gone.peer) === gone) this.#nodes.delete(gone.peer);
    });
    this.#nodes.set(peer, node);
    return node;
  }

  /** Kill −9: the node's records and announcements are gone, as those of a process are. */
  crash(peer: PeerId): void {
    this.#nodes.get(peer)?.vanish();
    this.#nodes.delete(peer);
  }

  #others(from: PeerId): MemoryDht[] {
    return [...this.#nodes.values()].filter((node) => node.peer === from || this.#reachable(from, node.peer));
  }
}

interface Provider extends FoundPeer {
  readonly expiresMs: number;
}

class MemoryDht implements Dht {
  readonly name = 'memory';
  readonly peer: PeerId;
  readonly #found: FoundPeer;
  readonly #position: Uint8Array;
  readonly #options: MemoryDhtOptions;
  readonly #reach: (from: PeerId) => MemoryDht[];
  readonly #leave: (node: MemoryDht) => void;
  readonly #announced = new Map<string, Uint8Array>();
  readonly #providers = new Map<string, Map<PeerId, Provider>>();
  readonly #values = new Map<string, Uint8Array>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(
    peer: PeerId,
    multiaddrs: readonly string[],
    options: MemoryDhtOptions,
    reach: (from: PeerId) => MemoryDht[],
    leave: (node: MemoryDht) => void,
  ) {
    this.peer = peer;
    this.#found = { peer, multiaddrs };
    this.#position = hash(utf8(peer));
    this.#options = options;
    this.#reach = reach;
    this.#leave = leave;
  }

  async bootstrap(): Promise<void> {
    this.#open();
  }

  async provide(key: Uint8Array): Promise<void> {
    this.#open();
    const text = keyText(key);
    if (!this.#announced.has(text) && this.#announced.size >= limits.providedKeys) {
      throw new PangeaError('TOO_LARGE', `at most ${limits.providedKeys} keys are announced`);
    }
    this.#announced.set(text, key.slice());
    this.#announce(key);
    this.#timer ??= this.#options.clock.after(reprovideMs, () => this.#reprovide());
  }

  async unprovide(key: Uint8Array): Promise<void> {
    this.#open();
    const text = keyText(key);
    this.#announced.delete(text);
    for (const node of this.#nearest(key)) node.#providers.get(text)?.delete(this.peer);
  }

  async findProviders(key: Uint8Array, options: { limit?: number; timeoutMs?: number } = {}): Promise<readonly FoundPeer[]> {
    this.#open();
    const text = keyText(key);
    const nowMs = this.#options.clock.nowMs();
    const found = new Map<PeerId, FoundPeer>();
    for (const node of this.#nearest(key)) {
      for (const { peer, multiaddrs, expiresMs } of node.#providers.get(text)?.values() ?? []) {
        if (expiresMs > nowMs) found.set(peer, { peer, multiaddrs });
      }
    }
    return [...found.values()].slice(0, options.limit ?? limits.providersPerKey);
  }

  async putValue(type: string, id: string, value: Uint8Array): Promise<void> {
    this.#open();
    if (value.length > limits.valueBytes) {
      throw new PangeaError('TOO_LARGE', `a value of ${value.length} bytes; at most ${limits.valueBytes} are kept`);
    }
    if (this.#options.rules[type]?.valid(id, value, this.#options.clock.nowMs()) !== true) {
      throw new PangeaError('PROTOCOL', `the value is not valid for /pangea/${type}`);
    }
    for (const node of this.#nearest(utf8(valueKey(type, id)))) node.#accept(type, id, value);
    const newest = await this.getValue(type, id);
    if (newest === undefined) throw new PangeaError('PEER_UNREACHABLE', 'no node gave the value back');
    if (!equalBytes(newest, value) && (this.#options.rules[type]?.compare(newest, value) ?? 0) <= 0) {
      throw new PangeaError('PROTOCOL', 'the network gave another value back');
    }
  }

  async getValue(type: string, id: string): Promise<Uint8Array | undefined> {
    this.#open();
    const rules = this.#options.rules[type];
    if (rules === undefined) return undefined;
    let newest: Uint8Array | undefined;
    for (const node of this.#nearest(utf8(valueKey(type, id)))) {
      const value = node.#values.get(valueKey(type, id));
      if (value === undefined || !rules.valid(id, value, this.#options.clock.nowMs())) continue;
      if (newest === undefined || rules.compare(value, newest) > 0) newest = value;
    }
    return newest?.slice();
  }

  async closestPeers(key: Uint8Array): Promise<readonly FoundPeer[]> {
    this.#open();
    return this.#nearest(key).filter((node) => node.peer !== this.peer).map((node) => node.#found);
  }

  knownPeers(): readonly FoundPeer[] {
    return this.#reach(this.peer).filter((node) => node.peer !== this.peer).map((node) => node.#found);
  }

  async close(): Promise<void> {
    this.vanish();
  }

  vanish(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#leave(this);
  }

  #nearest(key: Uint8Array): MemoryDht[] {
    const target = hash(key);
    const nodes = this.#reach(this.peer).map((node) => ({ node, distance: toHex(xor(node.#position, target)) }));
    nodes.sort((a, b) => (a.distance < b.distance ? -1 : 1));
    return nodes.slice(0, replication).map(({ node }) => node);
  }

  #announce(key: Uint8Array): void {
    const provider = { ...this.#found, expiresMs: this.#options.clock.nowMs() + providerTtlMs };
    for (const node of this.#nearest(key)) node.#keepProvider(keyText(key), provider);
  }

  #reprovide(): void {
    for (const key of this.#announced.values()) this.#announce(key);
    this.#timer = this.#options.clock.after(reprovideMs, () => this.#reprovide());
  }

  #keepProvider(text: string, provider: Provider): void {
    let providers = this.#providers.get(text);
    if (providers === undefined) {
      if (this.#providers.size >= limits.providedKeys) return;
      this.#providers.set(text, (providers = new Map()));
    }
    for (const [peer, { expiresMs }] of providers) {
      if (expiresMs <= this.#options.clock.nowMs()) providers.delete(peer);
    }
    if (providers.has(provider.peer) || providers.size < limits.providersPerKey) providers.set(provider.peer, provider);
  }

  #accept(type: string, id: string, value: Uint8Array): void {
    const rules = this.#options.rules[type];
    if (rules === undefined || !rules.valid(id, value, this.#options.clock.nowMs())) return;
    const held = this.#values.get(valueKey(type, id));
    if (held === undefined || rules.compare(value, held) > 0) this.#values.set(valueKey(type, id), value.slice());
  }

  #open(): void {
    if (this.#closed) throw new PangeaError('NODE_STOPPING', 'the DHT node is closed');
  }
}

function keyText(key: Uint8Array): string {
  if (key.length !== 32) throw new PangeaError('INTERNAL', `a provider key has 32 bytes, not ${key.length}`);
  return toHex(key);
}

function valueKey(type: string, id: string): string {
  return `/pangea/${type}/${id}`;
}

function hash(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte ^ (b[index] as number));
}
