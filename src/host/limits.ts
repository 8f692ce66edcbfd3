/** Bounds of the swarm, the same for both backends where both have the knob. */
export const hostLimits = {
  connections: 512,
  /** Connections that have not finished their handshake. */
  pendingIncoming: 64,
  /** New connections a second from one address, before further ones are dropped. */
  incomingPerSecond: 64,
  parallelDials: 32,
  /** Streams of one protocol that one connection may have open in each direction. */
  streamsPerProtocol: 256,
  /** What one read gives at most. */
  readBytes: 1024 * 1024,
  /** What one write hands to the multiplexer at once: rust-libp2p closes a connection whose frame exceeds 1 MiB. */
  frameBytes: 256 * 1024,
  /** Bytes that a peer may have sent and nobody has read, per stream. */
  streamWindowBytes: 1024 * 1024,
  dialTimeoutMs: 10_000,
  queryTimeoutMs: 10_000,
  /** A handler that has ended may leave the remote this long to end too, before the stream is reset. */
  lingerMs: 10_000,
  /** Peers whose addresses are remembered. */
  addressBookPeers: 4096,
  addressesPeer: 16,
  /** How far apart attempts at a bootstrap peer that does not answer are. */
  bootstrapRetryMinMs: 1_000,
  bootstrapRetryMaxMs: 60_000,
  /** How often the routing table is refreshed. */
  refreshMs: 5 * 60_000,
  /** Peers found by mDNS that are being dialled at one time. */
  discoveryDials: 8,
} as const;

/** Bounds of what this node keeps for others as a Kademlia server. */
export const keepLimits = {
  providersPerKey: 64,
  /** Providers of one key out of one /24 (IPv4) or /48 (IPv6): ids are cheap, networks are not. Loopback is exempt. */
  providersPerSubnet: 8,
  providerKeys: 100_000,
  providerEntries: 200_000,
  records: 65_536,
  recordBytesTotal: 64 * 1024 * 1024,
  /** Older records are dropped: their publishers republish within hours. */
  recordAgeMs: 48 * 3_600_000,
  peerEntries: 16_384,
} as const;
