/** Whom to place with, and whom to ask. From this node's own measurements alone. */
import type { PeerId } from '../ids/ids.ts';
import type { PeerRegistry, PlacementPeer } from '../peers/peers.ts';
import { rankPeers } from './format/placement.ts';
import { rows } from './format/shape.ts';
import type { Suspects } from './suspects.ts';
import type { Transport } from '../transport/transport.ts';

export interface CandidatesDependencies {
  readonly peers: PeerRegistry;
  readonly transport: Transport;
  readonly suspects: Suspects;
  readonly localPeer: PeerId;
  /** Whether this node stores, and so takes part in placement itself. */
  readonly storing: boolean;
}

export class Candidates {
  readonly #dependencies: CandidatesDependencies;

  constructor(dependencies: CandidatesDependencies) {
    this.#dependencies = dependencies;
  }

  /** Every peer that may hold shards, this node among them when it stores, with the mean weight of the others. */
  forPlacement(): readonly PlacementPeer[] {
    const { peers, localPeer, storing } = this.#dependencies;
    const others = peers.placementPeers().filter(({ peer }) => peer !== localPeer);
    if (!storing) return others;
    const weight = others.length === 0 ? 1 : others.reduce((sum, peer) => sum + peer.weight, 0) / others.length;
    return [...others, { peer: localPeer, weight, failureDomain: '' }];
  }

  /**
   * Those of `forPlacement` that did not just fail. Where they are fewer than the slots, one that failed but
   * answers pings takes part: a hiccup must not cost an object a holder. Where there are none, all are tried.
   */
  forWriting(): readonly PlacementPeer[] {
    const { suspects, peers } = this.#dependencies;
    const all = this.forPlacement();
    const sound = all.filter(({ peer }) => !suspects.has(peer));
    if (sound.length >= rows) return sound;
    const hopeful = all.filter(({ peer }) => !suspects.has(peer) || peers.isLive(peer) === true);
    return hopeful.length > 0 ? hopeful : all;
  }

  /** Whom to ask about a root, the likeliest first: this node, then all known peers by rank, the ones that just failed last. */
  forReading(root: Uint8Array): readonly PeerId[] {
    const { peers, transport, suspects, localPeer } = this.#dependencies;
    const known = new Map<PeerId, PlacementPeer>();
    for (const record of peers.list()) {
      if (record.peer !== localPeer && record.status !== 'dead') known.set(record.peer, { peer: record.peer, weight: 1, failureDomain: '' });
    }
    for (const peer of transport.connectedPeers()) if (peer !== localPeer) known.set(peer, { peer, weight: 1, failureDomain: '' });
    for (const peer of peers.placementPeers()) if (peer.peer !== localPeer) known.set(peer.peer, peer);
    const ranked = rankPeers(root, [...known.values()]).map(({ peer }) => peer);
    return [localPeer, ...suspects.last(ranked, (peer) => peer)];
  }
}
