/** Builds the js-libp2p node: everything that is a setting of the library stands here. */
import type { GossipSub, Message } from '@libp2p/gossipsub';
import type { ConnectionGater, PeerId as Libp2pPeerId } from '@libp2p/interface';
import type { KadDHT } from '@libp2p/kad-dht';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import type { CID } from 'multiformats/cid';

import type { PeerId } from '../../ids/ids.ts';
import type { Clock } from '../../std/std.ts';
import { ipOf, subnetOf } from '../addresses.ts';
import { gossipLimits, type HostOptions, type HostPeer, kadProtocol, identifyProtocol, maxRecordBytes } from '../host.ts';
import { hostLimits } from '../limits.ts';
import { BoundedDatastore, type Verdict } from './datastore.ts';

export interface SwarmOptions extends HostOptions {
  readonly clock: Clock;
  readonly gater: ConnectionGater;
  readonly addressesOf: (peer: PeerId) => readonly string[];
  readonly found: (found: HostPeer, source: 'mdns' | 'dht') => void;
}

export interface Swarm {
  readonly node: Libp2p;
  readonly dht: KadDHT;
  readonly gossip: GossipSub;
  readonly parse: (text: string) => Multiaddr;
  readonly peerIdOf: (text: string) => Libp2pPeerId;
  readonly cidOf: (key: Uint8Array) => CID;
}

/** Not started yet, so that nothing happens before somebody listens to its events. */
export async function createSwarm(options: SwarmOptions): Promise<Swarm> {
  const [{ createLibp2p }, { tcp }, { noise }, { yamux }, kad, { identify }, { ping }, { mdns }, keys, peerIds, { multiaddr }, { CID }, digests, libp2p, { gossipsub }] =
    await Promise.all([
      import('libp2p'), import('@libp2p/tcp'), import('@libp2p/noise'), import('@libp2p/yamux'), import('@libp2p/kad-dht'),
      import('@libp2p/identify'), import('@libp2p/ping'), import('@libp2p/mdns'), import('@libp2p/crypto/keys'),
      import('@libp2p/peer-id'), import('@multiformats/multiaddr'), import('multiformats/cid'),
      import('multiformats/hashes/digest'), import('@libp2p/interface'), import('@libp2p/gossipsub'),
    ]);
  const privateKey = await keys.generateKeyPairFromSeed('Ed25519', options.seed);
  const self = peerIds.peerIdFromPrivateKey(privateKey).toString();
  const judge = (record: Uint8Array, held: Uint8Array | undefined): Verdict => {
    const { key, value } = kad.Record.deserialize(record);
    if (value.length > maxRecordBytes || !options.acceptRecord(key, value, undefined)) return 'invalid';
    return held === undefined || options.acceptRecord(key, value, kad.Record.deserialize(held).value) ? 'newer' : 'older';
  };
  const toHostPeer = (info: { id: Libp2pPeerId; multiaddrs: readonly Multiaddr[] }): HostPeer => ({
    peer: info.id.toString() as PeerId,
    multiaddrs: info.multiaddrs.map(String),
  });
  const dht = kad.kadDHT({
    protocol: kadProtocol,
    clientMode: false,
    // A node that knows nobody answers "nothing found" instead of holding the question back.
    allowQueryWithZeroPeers: true,
    peerInfoMapper: kad.passthroughMapper,
    maxInboundStreams: hostLimits.streamsPerProtocol,
    maxOutboundStreams: hostLimits.streamsPerProtocol,
    validators: {
      pangea: (key, value) => {
        if (value.length > maxRecordBytes || !options.acceptRecord(key, value, undefined)) throw new Error('invalid record');
      },
    },
    selectors: {
      pangea: (key, records) => {
        let best = 0;
        records.forEach((record, index) => {
          if (options.acceptRecord(key, record, records[best])) best = index;
        });
        return best;
      },
    },
  });
  const node = await createLibp2p({
    start: false,
    privateKey,
    nodeInfo: { userAgent: options.agentVersion },
    addresses: { listen: [...options.listen], announce: [...(options.advertise ?? [])] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    // The dialler may be done with the handshake first: its streams wait then, and one too many would end the connection.
    streamMuxers: [yamux({ maxEarlyStreams: hostLimits.streamsPerProtocol, streamOptions: { maxStreamWindowSize: hostLimits.streamWindowBytes, maxReadBufferLength: 2 * hostLimits.streamWindowBytes } })],
    connectionGater: options.gater,
    connectionManager: {
      maxConnections: hostLimits.connections,
      maxIncomingPendingConnections: hostLimits.pendingIncoming,
      inboundConnectionThreshold: hostLimits.incomingPerSecond,
      maxParallelDials: hostLimits.parallelDials,
      dialTimeout: hostLimits.dialTimeoutMs,
    },
    datastore: new BoundedDatastore({
      clock: options.clock,
      self,
      judge: (record, held) => {
        try {
          return judge(record, held);
        } catch {
          return 'invalid';
        }
      },
      subnetOf: (peer) => options.addressesOf(peer as PeerId).map((address) => subnetOf(ipOf(address) ?? '')).find((subnet) => subnet !== undefined),
      notFound: (key) => new libp2p.NotFoundError(`no entry at ${key}`),
    }),
    peerDiscovery: options.mdns
      ? [
          (components) => {
            const discovery = mdns()(components);
            discovery.addEventListener('peer', ({ detail }) => options.found(toHostPeer(detail), 'mdns'));
            return discovery;
          },
        ]
      : [],
    services: {
      dht, identify: identify(), ping: ping({ maxInboundStreams: 8, maxOutboundStreams: 8 }),
      gossip: gossipsub({
        // As go-libp2p-pubsub names messages: IHAVE and IWANT of other makes are about the same ones.
        msgIdFn: messageId,
        floodPublish: false,
        // Many nodes share an address, and most topics are quiet: neither is a fault.
        scoreParams: { IPColocationFactorWeight: 0 },
        maxInboundDataLength: gossipLimits.messageBytes + gossipEnvelopeBytes,
        maxOutboundBufferSize: gossipLimits.queuedMessages * gossipLimits.messageBytes / 16,
      }),
    },
  });
  // The option makes it `<prefix>/0.1.0`, and changes the stream protocol with it; peers expect this version on the usual one.
  (node.services.identify as unknown as { host: { protocolVersion: string } }).host.protocolVersion = identifyProtocol;
  return {
    node,
    dht: node.services.dht,
    gossip: node.services.gossip,
    parse: multiaddr,
    peerIdOf: peerIds.peerIdFromString,
    cidOf: (key) => CID.createV1(rawCodec, digests.decode(key)),
  };
}

const rawCodec = 0x55;
/** Author, signature, key and number around a message. */
const gossipEnvelopeBytes = 4096;

function messageId(message: Message): Uint8Array {
  if (message.type !== 'signed') throw new Error('an unsigned message has no id');
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(message.sequenceNumber);
  return Buffer.concat([message.from.toMultihash().bytes, number]);
}
