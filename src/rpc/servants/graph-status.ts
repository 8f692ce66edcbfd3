import type { GraphPutView, GraphStatus as StatusView } from '../../api/api.ts';
import { GraphStored, type GraphStatus } from '../schema/pangea.ts';
import { answer, type Answer } from './method.ts';
import { fillStructs, roomOf, whole } from './write.ts';

const stored = { memory: GraphStored.MEMORY, disk: GraphStored.DISK, remote: GraphStored.REMOTE };

export function storedOf(level: GraphPutView['stored']): GraphStored {
  return stored[level];
}

export function graphStatusAnswer({ state, address, pid, store, digest = '', relays, peers, fields, memory, messages, outbox, failedWrites }: StatusView): Answer<GraphStatus> {
  return answer((to) => {
    to.isOn = state === 'up';
    to.address = address;
    to.pid = pid;
    to.storeName = store.name;
    to.stored = storedOf(store.durability);
    to.storedBytes = whole(store.bytes);
    to.digest = digest;
    fillStructs(to._initRelays(relays.length), relays, (relay, view) => {
      relay.url = view.url;
      relay.state = view.state;
    });
    to.relayPeers = peers.relays;
    to.leafPeers = peers.leaves;
    to.fieldsAccepted = whole(fields.accepted);
    to.fieldsOld = whole(fields.old);
    to.fieldsRefused = whole(fields.refused);
    to.fieldsDeferred = whole(fields.deferred);
    to.fieldsUnstored = whole(fields.unstored);
    to.nodesInMemory = whole(memory.nodes);
    to.fieldsInMemory = whole(memory.fields);
    to.messagesIn = whole(messages.in);
    to.messagesOut = whole(messages.out);
    to.outbox = whole(outbox);
    to.failedWrites = whole(failedWrites);
  }, 256 + roomOf(address, pid, store.name, digest) + relays.reduce((sum, relay) => sum + 16 + roomOf(relay.url, relay.state), 0));
}
