/**
 * `NodeService`, the interface of the existing Pangea network, answered from `api.mixed`. Answers with `success` or `errorMsg`
 * report failures there, as its clients expect; the others are exceptions.
 */
import type { LinkQuality, MixedNode } from '../../api/api.ts';
import {
  NodeService$Client,
  NodeService_ConnectToPeer$Params, NodeService_ConnectToPeer$Results, NodeService_DisconnectPeer$Params, NodeService_DisconnectPeer$Results,
  NodeService_GetAllNodes$Params, NodeService_GetAllNodes$Results, NodeService_GetConnectedPeers$Params, NodeService_GetConnectedPeers$Results,
  NodeService_GetConnectionQuality$Params, NodeService_GetConnectionQuality$Results, NodeService_GetLocalMultiaddr$Params,
  NodeService_GetLocalMultiaddr$Results, NodeService_GetMdnsDiscovered$Params, NodeService_GetMdnsDiscovered$Results,
  NodeService_ConnectMdnsPeer$Params, NodeService_ConnectMdnsPeer$Results, NodeService_GetNetworkMetrics$Params, NodeService_GetNetworkMetrics$Results,
  NodeService_GetNode$Params, NodeService_GetNode$Results, NodeService_ListLibp2pPeers$Params, NodeService_ListLibp2pPeers$Results,
  NodeService_SendMessage$Params, NodeService_SendMessage$Results, NodeService_StreamUpdates$Params, NodeService_StreamUpdates$Results,
  NodeService_UpdateLatency$Params, NodeService_UpdateLatency$Results, NodeService_UpdateNode$Params, NodeService_UpdateNode$Results,
  type ConnectionQuality, type Node,
} from '../schema/pangea.ts';
import { ownCopy } from '../bridge/bytes.ts';
import { answer, method, type Answer, type Implemented, type Method } from './method.ts';
import { blockMethods } from './node-blocks.ts';
import { configMethods } from './node-config.ts';
import { outcome, writeOutcome } from './outcome.ts';
import { boundedView, neededText } from './read.ts';
import type { Surface } from './surface.ts';
import { fillNumbers, fillStructs, fillTexts, roomOf, whole } from './write.ts';

/** Of `sendMessage`. */
const messageBytes = 64 * 1024;
const nodeBytes = 16;

export function nodeService(surface: Surface): Implemented {
  const { node: { mixed } } = surface;
  const blocks = blockMethods(surface);
  const config = configMethods(surface);
  const none = (): undefined => undefined;

  const methods: Readonly<Record<number, Method>> = {
    0: method(surface, NodeService_GetNode$Params, NodeService_GetNode$Results, (params) => (params._hasQuery() ? params.query.nodeId : 0), async (label) => {
      const found = await mixed.node(label);
      return answer((results) => writeNode(results._initNode(), found));
    }),
    1: method(surface, NodeService_GetAllNodes$Params, NodeService_GetAllNodes$Results, none, async () => {
      const nodes = await mixed.nodes();
      return answer((results) => {
        const list = results._initNodes();
        fillStructs(list._initNodes(nodes.length), nodes, writeNode);
      }, 64 + nodes.length * nodeBytes);
    }),
    2: method(surface, NodeService_UpdateNode$Params, NodeService_UpdateNode$Results, (params) => {
      const { nodeId, latencyMs, threatScore } = params.update;
      return { nodeId, latencyMs, threatScore };
    }, ({ nodeId, ...claim }) => succeeded(mixed.claim(nodeId, claim))),
    3: method(surface, NodeService_UpdateLatency$Params, NodeService_UpdateLatency$Results, ({ nodeId, latencyMs }) => ({ nodeId, latencyMs }),
      ({ nodeId, latencyMs }) => succeeded(mixed.claim(nodeId, { latencyMs }))),
    4: method(surface, NodeService_StreamUpdates$Params, NodeService_StreamUpdates$Results, none, async (_, { signal }) => {
      const { label, latencyMs, threatScore } = await mixed.nextUpdate(AbortSignal.any([signal, surface.closing]));
      return answer((results) => {
        const update = results._initUpdate();
        update.nodeId = label;
        update.latencyMs = latencyMs;
        update.threatScore = threatScore;
      });
    }),
    5: method(surface, NodeService_ConnectToPeer$Params, NodeService_ConnectToPeer$Results, (params) => {
      const { peerId, host, port } = params.peer;
      return { label: peerId, host: neededText('the host', host), port };
    }, async ({ label, host, port }) => {
      const quality = await outcome(mixed.connect(label, host, port));
      return answer((results) => {
        results.success = quality.value !== undefined;
        if (quality.value !== undefined) writeQuality(results._initQuality(), quality.value);
      });
    }),
    6: method(surface, NodeService_SendMessage$Params, NodeService_SendMessage$Results, (params) => {
      const { msg } = params;
      return { label: msg.toPeerId, data: ownCopy(boundedView('a message', msg._hasData(), () => msg.data, messageBytes)) };
    }, ({ label, data }) => succeeded(mixed.sendMessage(label, data))),
    7: method(surface, NodeService_GetConnectionQuality$Params, NodeService_GetConnectionQuality$Results, ({ peerId }) => peerId, async (label) => {
      const quality = await mixed.quality(label);
      return answer((results) => writeQuality(results._initQuality(), quality));
    }),
    8: method(surface, NodeService_DisconnectPeer$Params, NodeService_DisconnectPeer$Results, ({ peerId }) => peerId, (label) => succeeded(mixed.disconnect(label))),
    9: method(surface, NodeService_GetConnectedPeers$Params, NodeService_GetConnectedPeers$Results, none, async () => {
      const labels = (await mixed.connected()).flatMap(({ label }) => label ?? []);
      return answer((results) => fillNumbers(results._initPeers(labels.length), labels), 64 + labels.length * 4);
    }),
    10: method(surface, NodeService_GetNetworkMetrics$Params, NodeService_GetNetworkMetrics$Results, none, async () => {
      const found = await mixed.metrics();
      return answer((results) => void Object.assign(results._initMetrics(), found));
    }),
    11: blocks.cesProcess,
    12: blocks.cesReconstruct,
    13: blocks.upload,
    14: blocks.download,
    24: method(surface, NodeService_GetLocalMultiaddr$Params, NodeService_GetLocalMultiaddr$Results, none, async () => {
      const multiaddr = await mixed.localMultiaddr();
      return answer((results) => void (results.multiaddr = multiaddr), 64 + roomOf(multiaddr));
    }),
    25: method(surface, NodeService_ListLibp2pPeers$Params, NodeService_ListLibp2pPeers$Results, none, async () => {
      const peers = await mixed.libp2pPeers();
      return answer((results) => fillTexts(results._initPeers(peers.length), peers), 64 + roomOf(peers));
    }),
    31: method(surface, NodeService_GetMdnsDiscovered$Params, NodeService_GetMdnsDiscovered$Results, none, async () => {
      const found = await mixed.mdnsDiscovered();
      return answer((results) => fillStructs(results._initPeers(found.length), found, (to, { peer, multiaddrs, discoveredMs }) => {
        to.peerId = peer;
        fillTexts(to._initMultiaddrs(multiaddrs.length), multiaddrs);
        to.discoveredAt = whole(discoveredMs / 1000);
      }), 64 + found.reduce((sum, { peer, multiaddrs }) => sum + 48 + roomOf(peer, multiaddrs), 0));
    }),
    32: method(surface, NodeService_ConnectMdnsPeer$Params, NodeService_ConnectMdnsPeer$Results, ({ peerID }) => neededText('the peer id', peerID), async (peer) => {
      const { error } = await outcome(mixed.connectMdns(peer));
      return answer((results) => writeOutcome(results, error));
    }),
    33: config.load,
    34: config.save,
    35: config.update,
  };
  return { schema: NodeService$Client, methods: NodeService$Client.methods.map((_, ordinal) => methods[ordinal]) };
}

async function succeeded(done: Promise<unknown>): Promise<Answer<{ success: boolean }>> {
  const { error } = await outcome(done);
  return answer((results) => void (results.success = error === undefined));
}

function writeNode(to: Node, { label, status, latencyMs, threatScore }: MixedNode): void {
  to.id = label;
  to.status = status;
  to.latencyMs = latencyMs;
  to.threatScore = threatScore;
}

function writeQuality(to: ConnectionQuality, { latencyMs, jitterMs, packetLoss }: LinkQuality): void {
  to.latencyMs = latencyMs;
  to.jitterMs = jitterMs;
  to.packetLoss = packetLoss;
}
