/** Bounds of one replica. */
export interface ReplicaLimits {
  /** States further ahead of the clock are refused, milliseconds. */
  readonly futureLimitMs: number;
  /** Fields that may wait for their time; more are refused. */
  readonly deferredFields: number;
  /** Nodes that nobody watches are let go above this; an estimate. Stores in memory hold everything anyway. */
  readonly bytesInMemory: number;
  /** Fields accepted that the store has not written; more are refused until it has. */
  readonly unstoredFields: number;
  /** Merges and reads that wait for nodes from the store. */
  readonly waitingCalls: number;
  /** Fields in one write of the store, so that none holds the event loop for long. */
  readonly fieldsPerWrite: number;
  /** Souls in one read of the store. */
  readonly soulsPerRead: number;
  /** First pause after a failed write; it doubles up to `retryLimitMs`. */
  readonly retryMs: number;
  readonly retryLimitMs: number;
}

export const replicaLimits: ReplicaLimits = {
  futureLimitMs: 24 * 60 * 60 * 1000,
  deferredFields: 100_000,
  bytesInMemory: 256 * 1024 * 1024,
  unstoredFields: 1_000_000,
  waitingCalls: 100_000,
  fieldsPerWrite: 16_384,
  soulsPerRead: 1_024,
  retryMs: 100,
  retryLimitMs: 10_000,
};
