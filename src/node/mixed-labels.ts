/** Labels to peers, what this node measured of them, and what RPC clients claim of them. Claims are shown, and steer nothing. */
import type { MixedNode, PeerView } from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import { peerStatus, statusOf, type PeerRecord, type PeerRegistry } from '../peers/peers.ts';
import type { Clock } from '../std/std.ts';
import type { Events } from './events.ts';

export const labelLimits = {
  /** Labels of which claims are kept, and peers that say no hello but were given a label: the oldest goes. */
  claims: 4096,
  given: 1024,
  /** A claim is shown in place of an own measurement for this long; where there is none, as long as it is kept. */
  claimMs: 60_000,
  /** Calls that wait for a change. */
  waiting: 1024,
  latencyMs: 3_600_000,
} as const;

interface Claim {
  readonly latencyMs: number | undefined;
  readonly threatScore: number | undefined;
  readonly atMs: number;
}

export interface LabelsParts {
  readonly own: number;
  readonly localPeer: PeerId;
  readonly peers: PeerRegistry;
  readonly events: Events;
  readonly clock: Clock;
}

export class Labels {
  readonly #parts: LabelsParts;
  readonly #claims = new Map<number, Claim>();
  /** Peers of the mixed network that say no hello, by the label under which an RPC client met them. */
  readonly #given = new Map<number, PeerId>();
  readonly #waiting = new Set<(label: number) => void>();

  constructor(parts: LabelsParts) {
    this.#parts = parts;
  }

  /** Of two peers with one label the one heard from last. Throws `NOT_FOUND`. */
  peerOf(label: number): PeerId {
    const { own, localPeer } = this.#parts;
    if (label === own) return localPeer;
    const found = this.#recordOf(label)?.peer ?? this.#given.get(label);
    if (found === undefined) throw new PangeaError('NOT_FOUND', `no node with the label ${label} is known`, { data: { label } });
    return found;
  }

  labelOf(peer: PeerId): number | undefined {
    const { own, localPeer, peers } = this.#parts;
    if (peer === localPeer) return own;
    const said = peers.get(peer)?.label;
    return said ?? [...this.#given].find(([, given]) => given === peer)?.[0];
  }

  /** For a peer that says no hello. What a peer says of itself always comes first. */
  give(label: number, peer: PeerId): void {
    keep(this.#given, label, peer, labelLimits.given);
  }

  node(label: number): MixedNode {
    const { own } = this.#parts;
    if (label !== own) this.peerOf(label);
    return this.#shown(label, label === own ? undefined : this.#recordOf(label));
  }

  /** This node first; every peer with a label, so that one label may come twice. */
  nodes(): readonly MixedNode[] {
    const { own, peers } = this.#parts;
    const known = peers.list().filter((record): record is PeerRecord & { readonly label: number } => record.label !== undefined);
    const said = new Set(known.map(({ label }) => label));
    const given = [...this.#given.keys()].filter((label) => !said.has(label) && label !== own);
    return [this.#shown(own, undefined), ...known.map((record) => this.#shown(record.label, record)), ...given.map((label) => this.#shown(label, undefined))];
  }

  /** Throws `NOT_FOUND`, and `USAGE` for what is no time or score. */
  claim(label: number, { latencyMs, threatScore }: { readonly latencyMs?: number; readonly threatScore?: number }): void {
    if (label !== this.#parts.own) this.peerOf(label);
    if (!isWithin(latencyMs, labelLimits.latencyMs) || !isWithin(threatScore, 1)) {
      throw new PangeaError('USAGE', `a latency is 0 to ${labelLimits.latencyMs} ms, a threat score 0 to 1`);
    }
    const known = this.#claims.get(label);
    const claim = { latencyMs: latencyMs ?? known?.latencyMs, threatScore: threatScore ?? known?.threatScore, atMs: this.#parts.clock.monotonicMs() };
    keep(this.#claims, label, claim, labelLimits.claims);
    for (const told of this.#waiting) told(label);
  }

  /** The next change of a node with a label. Throws `ABORTED`, and `TOO_MANY` when too many wait. */
  nextUpdate(signal: AbortSignal): Promise<MixedNode> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new PangeaError('ABORTED', 'the wait was given up'));
      if (this.#waiting.size >= labelLimits.waiting) return reject(new PangeaError('TOO_MANY', `${labelLimits.waiting} calls wait for a change already`));
      const done = (): void => {
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(onChange);
        stop();
      };
      const onAbort = (): void => {
        done();
        reject(new PangeaError('ABORTED', 'the wait was given up'));
      };
      const onChange = (label: number): void => {
        done();
        resolve(this.node(label));
      };
      const onPeer = ({ label }: PeerView): void => {
        if (label !== undefined && (label === this.#parts.own || this.#recordOf(label) !== undefined)) onChange(label);
      };
      const stop = this.#parts.events.subscribe(['peer'], (event) => { if (event.kind === 'peer') onPeer(event.peer); });
      this.#waiting.add(onChange);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #recordOf(label: number): PeerRecord | undefined {
    let newest: PeerRecord | undefined;
    for (const record of this.#parts.peers.list()) {
      if (record.label === label && (newest === undefined || (record.lastSeenMs ?? 0) > (newest.lastSeenMs ?? 0))) newest = record;
    }
    return newest;
  }

  #shown(label: number, record: PeerRecord | undefined): MixedNode {
    const { own, clock } = this.#parts;
    const claim = this.#claims.get(label);
    const isFresh = claim !== undefined && clock.monotonicMs() - claim.atMs < labelLimits.claimMs;
    const measured = { latencyMs: record?.latencyMs ?? (label === own ? 0 : undefined), threatScore: record?.threatScore };
    const latencyMs = (isFresh ? claim.latencyMs ?? measured.latencyMs : measured.latencyMs ?? claim?.latencyMs) ?? 0;
    const threatScore = (isFresh ? claim.threatScore ?? measured.threatScore : measured.threatScore ?? claim?.threatScore) ?? 0;
    const isHeardFrom = label === own || record?.lastSeenMs !== undefined;
    return { label, status: peerStatus[statusOf(threatScore, isHeardFrom)], latencyMs, threatScore };
  }
}

function isWithin(value: number | undefined, most: number): boolean {
  return value === undefined || (value >= 0 && value <= most);
}

/** Newest last; the oldest makes room. */
function keep<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
