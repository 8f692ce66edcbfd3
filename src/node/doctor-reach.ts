/** How far this node gets, and whether others get to it: peers, DHT, and what helps through NATs. */
import type { DoctorCheck } from '../api/api.ts';
import { isLoopbackHost, type NodeConfig } from '../config/config.ts';
import { peerRecordType } from '../dht/dht.ts';
import type { Host, NatReport } from '../host/host.ts';
import { utf8 } from '../std/std.ts';
import type { Network } from './network.ts';
import { viewer } from './peer-view.ts';

const queryMs = 5_000;
/** So many peers in the routing table let look-ups survive a few of them going away. */
const fewPeers = 3;

export function checkPeers(network: Network): DoctorCheck {
  const check = 'peers';
  const known = network.peers.list();
  const connected = known.filter((peer) => peer.connected).map(viewer(network));
  if (connected.length === 0) {
    return { check, verdict: 'warning', detail: `${known.length} known, none connected`, advice: 'name a --bootstrap node, or meet one: pangea-node peers connect ADDRESS' };
  }
  const paths = (['direct', 'punched', 'relayed'] as const)
    .map((path) => [path, connected.filter((peer) => peer.path === path).length] as const).filter(([, count]) => count > 0);
  return { check, verdict: 'ok', detail: `${known.length} known, ${connected.length} connected: ${paths.map(([path, count]) => `${count} ${path}`).join(', ')}`, advice: '' };
}

/** Shards prefer QUIC; a firewall that drops UDP shows by peers that are connected over libp2p alone. */
export function checkShardPath({ quic, peers }: Network): DoctorCheck {
  const check = 'shards over QUIC';
  if (quic === undefined) return { check, verdict: 'warning', detail: 'not in this build: shards go over libp2p streams', advice: 'build the addon: npm run setup' };
  const over = new Set(quic.connectedPeers());
  const able = peers.list().filter((peer) => peer.connected && peer.quicAddresses.length > 0);
  const missing = able.filter(({ peer }) => !over.has(peer));
  if (able.length === 0) return { check, verdict: 'unknown', detail: 'no connected peer offers it', advice: '' };
  if (missing.length === 0) return { check, verdict: 'ok', detail: `with all ${able.length} connected peers that offer it`, advice: '' };
  return {
    check, verdict: over.size > 0 ? 'ok' : 'warning', detail: `with ${able.length - missing.length} of ${able.length} connected peers that offer it`,
    advice: over.size > 0 ? '' : 'UDP seems not to pass: open the port of --p2p-addr for UDP, or forward it and name it with --advertise',
  };
}

export function checkDht(host: Host, { bootstrap }: NodeConfig): DoctorCheck {
  const check = 'DHT';
  const count = host.kad.routingTablePeers().length;
  const detail = `${count} ${count === 1 ? 'node' : 'nodes'} in the routing table`;
  if (count === 0) return { check, verdict: 'warning', detail, advice: bootstrap.length === 0 ? 'name a --bootstrap node' : 'none of the bootstrap nodes serves the DHT' };
  return { check, verdict: 'ok', detail: count < fewPeers ? `${detail}: a small network` : detail, advice: '' };
}

/** What this node said of itself, read back from others: announcing and finding work. */
export async function checkOwnRecord(host: Host): Promise<DoctorCheck> {
  const check = 'own record in the DHT';
  if (host.kad.routingTablePeers().length === 0) return { check, verdict: 'unknown', detail: 'nobody is there who could keep it', advice: '' };
  try {
    const found = await host.kad.getRecord(utf8(`/pangea/${peerRecordType}/${host.peerId}`), queryMs);
    const others = found.filter(({ peer }) => peer !== undefined).length;
    if (others > 0) return { check, verdict: 'ok', detail: `read back from ${others} other ${others === 1 ? 'node' : 'nodes'}`, advice: '' };
    return { check, verdict: 'warning', detail: 'no other node gave it back', advice: 'a node that started just now announces itself within a minute; otherwise look at the bootstrap nodes' };
  } catch (error) {
    return { check, verdict: 'warning', detail: `the look-up failed: ${(error as Error).message}`, advice: 'look at the bootstrap nodes above' };
  }
}

export function checkReachability({ reachability, observed, confirmed }: NatReport, config: NodeConfig): DoctorCheck {
  const check = 'reachability';
  const seen = observed.length > 0 ? `others see it as ${observed.join(', ')}` : 'nobody told how they see it';
  if (reachability === 'public') return { check, verdict: 'ok', detail: `others reach it directly at ${confirmed.join(', ') || 'its addresses'}; ${seen}`, advice: '' };
  if (reachability === 'private') {
    return {
      check, verdict: 'warning', detail: `others do not reach it directly; ${seen}`,
      advice: 'forward the ports of --p2p-addr (UDP) and --dht-addr (TCP) and name them with --advertise, or name a --relay',
    };
  }
  const why = isLoopbackHost(config.dhtAddr.host) ? 'it listens on this machine alone' : config.nat === 'off' ? 'nat is off: nobody is asked' : 'not enough others have looked yet';
  return { check, verdict: 'unknown', detail: `${why}; ${seen}`, advice: '' };
}

export function checkUpnp({ upnp }: NatReport): DoctorCheck {
  const check = 'UPnP gateway';
  const detail = `${upnp.state}${upnp.detail === '' ? '' : `: ${upnp.detail}`}`;
  switch (upnp.state) {
    case 'mapped': return { check, verdict: 'ok', detail, advice: '' };
    case 'failed': return { check, verdict: 'warning', detail, advice: 'allow port mapping in the router, or forward the ports by hand' };
    case 'searching': return { check, verdict: 'unknown', detail, advice: '' };
    default: return { check, verdict: 'ok', detail, advice: '' };
  }
}

export function checkRelays({ relays, reachability, carrying }: NatReport, { relay }: NodeConfig): DoctorCheck {
  const check = 'relays';
  const shown = relays.map(({ relay: at, state, detail }) => `${at} ${state}${detail === '' ? '' : ` (${detail})`}`).join(', ');
  const own = carrying.circuits + carrying.reservations > 0 ? `; carries ${carrying.circuits} circuits and ${carrying.reservations} reservations for others` : '';
  if (relays.some(({ state }) => state === 'reserved')) return { check, verdict: 'ok', detail: `${shown}${own}`, advice: '' };
  if (reachability !== 'private') return { check, verdict: 'ok', detail: `${shown || 'none needed'}${own}`, advice: '' };
  return {
    check, verdict: 'failed', detail: `${shown || 'none'}${own}: peers behind other NATs cannot reach this node`,
    advice: relay.length === 0 ? 'name a public node with --relay, or a bootstrap node that serves as one' : 'are the relays running, and do they serve (--serve-relay)?',
  };
}

export function checkPunches({ punches }: NatReport): DoctorCheck {
  const check = 'hole punching';
  if (punches.length === 0) return { check, verdict: 'ok', detail: 'not needed so far', advice: '' };
  const good = punches.filter(({ ok }) => ok);
  const last = punches.findLast(({ ok }) => !ok);
  const detail = `${good.length} of the last ${punches.length} attempts made it${last === undefined ? '' : `; the last failure: ${last.detail || 'no reason told'}`}`;
  if (good.length > 0) return { check, verdict: 'ok', detail, advice: '' };
  return { check, verdict: 'warning', detail, advice: 'both sides may have NATs that give each target another port: forward a port on one of them, or name a --stun server' };
}

export function checkWebrtc({ webrtc }: Network, { stun }: NodeConfig): DoctorCheck {
  const check = 'WebRTC data channels';
  if (webrtc !== undefined) return { check, verdict: 'ok', detail: `ready, ${webrtc.connectedPeers().length} peers over them`, advice: '' };
  if (stun.length === 0) return { check, verdict: 'ok', detail: 'off: no STUN or TURN server is configured', advice: '' };
  return { check, verdict: 'warning', detail: 'servers are configured, but there are no data channels', advice: 'they need "nat" to be on and the package node-datachannel to load: see the log' };
}
