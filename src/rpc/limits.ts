/** Every bound of the surface; named in `schema/rpc.md`. */
export const limits = {
  /** One message: a whole block of 64 MiB, and its twelve shards, fit. */
  messageBytes: 128 * 1024 * 1024,
  traversalWords: 64 * 1024 * 1024,
  nesting: 64,
  unansweredCalls: 1024,
  capabilities: 4096,
  connectionMemoryBytes: 256 * 1024 * 1024,
  /** Over all connections. */
  memoryBytes: 1024 * 1024 * 1024,
  connections: 1024,
  connectionsPerAddress: 600,
  /** Output that a client has not taken; beyond it nothing more is read from it, and `unreadTimeoutMs` later it is cut off. */
  unreadBytes: 32 * 1024 * 1024,
  unreadTimeoutMs: 30_000,
  /** For a TLS handshake. */
  handshakeMs: 10_000,
  /** Best size of a chunk in a streaming put or get. */
  chunkBytes: 1024 * 1024,
  /** The largest chunk that a streaming put may send. */
  largestChunkBytes: 4 * 1024 * 1024,
  /** Bytes under way to one sink that are not acknowledged. */
  streamWindowBytes: 8 * 1024 * 1024,
  /** Bytes of one upload that the node has not taken yet. */
  uploadWindowBytes: 4 * 1024 * 1024,
  /** Data of one `upload`, `cesProcess` or `cesReconstruct` result: a whole block. */
  blockBytes: 64 * 1024 * 1024,
  /** Bytes of blocks that are being worked on, of one connection and of all. */
  connectionBlockBytes: 192 * 1024 * 1024,
  allBlockBytes: 512 * 1024 * 1024,
  textBytes: 16 * 1024,
  /** Entries of a list in a request; shard places have their own bound. */
  listEntries: 4096,
  shardPlaces: 65_536,
  pageRecords: 1024,
  /** Events that wait for one listener; more are dropped and counted. */
  events: 1024,
  subscriptionsPerConnection: 16,
  transfersPerConnection: 64,
  /** Uploads and downloads of all connections. */
  transfers: 256,
  sessionsPerConnection: 256,
  /** Fields of a node in one call, both ways, and what a page has when the client names no number. */
  graphFields: 4096,
  graphPageFields: 1024,
  /** Characters of keys and texts: of a page, which has at least one field, and of one put. */
  graphPageChars: 4 * 1024 * 1024,
  graphPutChars: 32 * 1024 * 1024,
  /** Souls that one watch names. */
  graphSouls: 1024,
  /** Changes on their way between the threads; more wait in the node, the newest value of each field. */
  graphChanges: 16,
  graphWaitMs: 60_000,
  /** What a wrong token waits for its answer: doubled with each failure of that address, up to the second. */
  loginDelayMs: 250,
  longestLoginDelayMs: 30_000,
} as const;
