/** A peer as callers see it: the registry's record, whether its label is its alone, and how it is reached. */
import type { PeerPath, PeerView } from '../api/api.ts';
import type { PeerId } from '../ids/ids.ts';
import { ambiguousLabels, type PeerRecord } from '../peers/peers.ts';
import type { Network } from './network.ts';

type Connections = Pick<Network, 'host' | 'quic' | 'webrtc' | 'peers'>;

/** For records of one moment: the labels of all peers are compared once. */
export function viewer(network: Connections): (record: PeerRecord) => PeerView {
  let ambiguous: ReadonlySet<number> | undefined;
  return (record) => {
    ambiguous ??= ambiguousLabels(network.peers.list());
    return { ...record, ambiguousLabel: record.label !== undefined && ambiguous.has(record.label), path: record.connected ? pathOf(network, record.peer) : undefined };
  };
}

/** The best way that is open. The shards' own QUIC goes through the hole that libp2p made. */
function pathOf({ host, quic, webrtc }: Connections, peer: PeerId): PeerPath {
  const overLibp2p = host.pathTo(peer);
  if (quic?.connectedPeers().includes(peer)) return overLibp2p === 'punched' ? 'punched' : 'direct';
  if (overLibp2p === 'direct' || overLibp2p === 'punched') return overLibp2p;
  return webrtc?.pathTo(peer) ?? overLibp2p ?? 'direct';
}
