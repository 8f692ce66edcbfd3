/** The node's state as the schema has it: status, peers, plan, firewall, repair. */
import type { FirewallView, NodeStatus, PeerView, Plan as PlanView, RepairView } from '../../api/api.ts';
import type { FirewallState, Peer, PeersResponse, Plan, RepairState, Status } from '../schema/pangea.ts';
import { answer, type Answer } from './method.ts';
import { fillStructs, fillTexts, roomOf, whole } from './write.ts';

export function statusAnswer(status: NodeStatus): Answer<Status> {
  const { parts, peers, store, objects, addresses } = status;
  return answer((to) => {
    to.version = status.version;
    to.nodeId = status.nodeId;
    to.peerId = status.peerId;
    to.isPrivateNetwork = status.network === 'private';
    to.startedMs = whole(status.startedMs);
    to.ready = status.ready;
    fillStructs(to._initParts(parts.length), parts, (part, { part: name, up, detail }) => {
      part.part = name;
      part.up = up;
      part.detail = detail;
    });
    to.peersKnown = peers.known;
    to.peersConnected = peers.connected;
    to.storeLiveBytes = whole(store.liveBytes);
    to.storeGarbageBytes = whole(store.garbageBytes);
    to.storeFreeBytes = whole(store.freeBytes);
    to.storeRecords = whole(store.records);
    to.objectsHeld = whole(objects.held);
    to.objectsCatalogue = whole(objects.catalogue);
    to.objectsUnderRepair = whole(objects.underRepair);
    to.memoryBytes = whole(status.memoryBytes);
    fillTexts(to._initQuicAddresses(addresses.quic.length), addresses.quic);
    fillTexts(to._initMultiaddrs(addresses.dht.length), addresses.dht);
    to.httpAddress = addresses.http;
    to.rpcAddress = addresses.rpc;
    to.reachability = status.reachability;
  }, 512 + roomOf(addresses.quic, addresses.dht) + parts.reduce((sum, { part, detail }) => sum + 32 + roomOf(part, detail), 0));
}

const peerBytes = 192;

export function peersAnswer(peers: readonly PeerView[]): Answer<PeersResponse> {
  return answer((to) => fillStructs(to._initPeers(peers.length), peers, writePeer), 64 + peers.reduce((sum, peer) => sum + peerRoom(peer), 0));
}

export function peerRoom({ peer, quicAddresses, multiaddrs, failureDomain, version = '' }: PeerView): number {
  return peerBytes + roomOf(peer, quicAddresses, multiaddrs, failureDomain, version);
}

/** What was never measured stays at the schema's default. */
export function writePeer(to: Peer, peer: PeerView): void {
  to.peerId = peer.peer;
  to.nodeId = peer.label ?? 0;
  to.isNodeIdKnown = peer.label !== undefined;
  to.isNodeIdAmbiguous = peer.ambiguousLabel;
  to.status = peer.status === 'active' ? 0 : peer.status === 'purgatory' ? 1 : 2;
  if (peer.latencyMs !== undefined) to.latencyMs = peer.latencyMs;
  if (peer.jitterMs !== undefined) to.jitterMs = peer.jitterMs;
  if (peer.packetLoss !== undefined) to.packetLoss = peer.packetLoss;
  to.threatScore = peer.threatScore;
  if (peer.health !== undefined) to.health = peer.health;
  to.lastSeenMs = whole(peer.lastSeenMs ?? 0);
  to.connected = peer.connected;
  fillTexts(to._initQuicAddresses(peer.quicAddresses.length), peer.quicAddresses);
  fillTexts(to._initMultiaddrs(peer.multiaddrs.length), peer.multiaddrs);
  to.storing = peer.storing;
  if (peer.freeBytes !== undefined) to.freeBytes = whole(peer.freeBytes);
  to.failureDomain = peer.failureDomain;
  to.version = peer.version ?? '';
  to.path = peer.path ?? '';
}

export function planAnswer({ stages, notes }: PlanView): Answer<Plan> {
  const room = stages.reduce((sum, { stage, chosen, why, rejected }) =>
    sum + 64 + roomOf(stage, chosen, why) + rejected.reduce((inner, { path, reason }) => inner + 16 + roomOf(path, reason), 0), 0);
  return answer((to) => {
    fillStructs(to._initStages(stages.length), stages, (stage, view) => {
      stage.stage = view.stage;
      stage.chosen = view.chosen;
      stage.why = view.why;
      stage.forced = view.forced;
      if (view.bytesPerSecond !== undefined) stage.bytesPerSecond = view.bytesPerSecond;
      fillStructs(stage._initRejected(view.rejected.length), view.rejected, (candidate, { path, reason }) => {
        candidate.path = path;
        candidate.why = reason;
      });
    });
    fillTexts(to._initNotes(notes.length), notes);
  }, 64 + room + roomOf(notes));
}

export function firewallAnswer({ mode, allow, counters }: FirewallView): Answer<FirewallState> {
  const listeners = Object.entries(counters);
  return answer((to) => {
    to.mode = mode;
    fillTexts(to._initAllow(allow.length), allow);
    fillStructs(to._initCounters(listeners.length), listeners, (counter, [listener, { allowed, denied }]) => {
      counter.listener = listener;
      counter.allowed = whole(allowed);
      counter.denied = whole(denied);
    });
  }, 64 + roomOf(mode, allow) + listeners.length * 128);
}

export function repairAnswer({ paused, objectsHeld, objectsUnderRepair, shardsRestored, last }: RepairView): Answer<RepairState> {
  return answer((to) => {
    to.paused = paused;
    to.objectsHeld = whole(objectsHeld);
    to.objectsUnderRepair = whole(objectsUnderRepair);
    to.shardsRestored = whole(shardsRestored);
    if (last === undefined) return;
    const round = to._initLast();
    round.endedMs = whole(last.endedMs);
    round.objectsChecked = whole(last.objectsChecked);
    round.shardsRestored = whole(last.shardsRestored);
    round.objectsBelowTarget = whole(last.objectsBelowTarget);
    round.objectsUnreadable = whole(last.objectsUnreadable);
  });
}
