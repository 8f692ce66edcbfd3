import type { QueuedEvent } from '../bridge/event-queue.ts';
import { FirewallChange, ObjectChange, PeerChange, RepairChange, type Event } from '../schema/pangea.ts';
import { peerRoom, writePeer } from './state-answers.ts';
import { fillBytes, roomOf, whole } from './write.ts';

const peerChanges = { found: PeerChange.FOUND, connected: PeerChange.CONNECTED, disconnected: PeerChange.DISCONNECTED, changed: PeerChange.CHANGED };
const objectChanges = { put: ObjectChange.PUT, removed: ObjectChange.REMOVED };
const repairChanges = {
  roundEnded: RepairChange.ROUND_ENDED, restored: RepairChange.RESTORED, unreadable: RepairChange.UNREADABLE,
  paused: RepairChange.PAUSED, resumed: RepairChange.RESUMED,
};
const firewallChanges = { denied: FirewallChange.DENIED, rules: FirewallChange.RULES };

export function writeEvent(to: Event, sequence: bigint, { event, lost }: QueuedEvent): void {
  to.sequence = sequence;
  to.lost = whole(lost);
  to.atMs = whole(event.atMs);
  switch (event.kind) {
    case 'peer': {
      const peer = to._initPeer();
      peer.change = peerChanges[event.change];
      return writePeer(peer._initPeer(), event.peer);
    }
    case 'object': {
      const object = to._initObject();
      object.change = objectChanges[event.change];
      object.root = event.root;
      object.objectName = event.name;
      object.bytes = whole(event.bytes);
      return;
    }
    case 'repair': {
      const repair = to._initRepair();
      repair.change = repairChanges[event.change];
      repair.root = event.root;
      repair.shards = event.shards;
      return;
    }
    case 'firewall': {
      const firewall = to._initFirewall();
      firewall.change = firewallChanges[event.change];
      firewall.listener = event.listener;
      firewall.address = event.address;
      firewall.count = whole(event.count);
      return;
    }
    case 'message': {
      const message = to._initMessage();
      message.fromPeerId = event.from;
      message.fromNodeId = event.label ?? 0;
      fillBytes(message._initData(event.data.length), event.data);
    }
  }
}

export function eventRoom({ event }: QueuedEvent): number {
  if (event.kind === 'peer') return 128 + peerRoom(event.peer);
  if (event.kind === 'message') return 256 + event.data.length;
  return 256 + (event.kind === 'object' ? roomOf(event.name) : 0);
}
