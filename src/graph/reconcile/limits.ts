/** Bounds of healing, for what we send and for what we take. */
export interface ReconcileLimits {
  /** Souls with their hashes in one message. */
  readonly soulsPerMessage: number;
  /** Messages of souls, and of nodes, that may be without an answer. */
  readonly window: number;
  /** Characters and fields of nodes in one message. */
  readonly nodeChars: number;
  readonly nodeFields: number;
  /** Souls that wait to be sent before more are compared. */
  readonly queuedSouls: number;
  /** A side that says nothing for so long has given up. */
  readonly silentMs: number;
  /** How soon the digest is looked at again while it is being built. */
  readonly digestMs: number;
  /** Between two comparisons with one peer; doubled as long as they do not help, up to the other. */
  readonly everyMs: number;
  readonly atMostMs: number;
  /** Nodes of one run that the guard may refuse before the rest of their messages is left out. */
  readonly refusals: number;
}

export const reconcileLimits: ReconcileLimits = {
  soulsPerMessage: 1000,
  window: 4,
  nodeChars: 128 * 1024,
  nodeFields: 3000,
  queuedSouls: 4000,
  silentMs: 60_000,
  digestMs: 250,
  everyMs: 60_000,
  atMostMs: 960_000,
  refusals: 8,
};
