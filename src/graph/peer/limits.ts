/** Bounds of what a peer keeps for others and waits for. */
export interface PeerLimits {
  /** Until a put with too few acknowledgements says so, milliseconds; GUN's `lack`. */
  readonly lackMs: number;
  /** How long `ask` waits for peers when the caller does not say, milliseconds. */
  readonly askMs: number;
  /** How long an asker waits for the relays that were asked for it before it hears that nothing was found, milliseconds. */
  readonly absentMs: number;
  /** The same where only leaves could be asked: those of gun.js say nothing when they have nothing. */
  readonly absentLeavesMs: number;
  /** How long the pieces of an answer may take until what it lacks is sent, milliseconds. */
  readonly repairMs: number;
  /** Questions that wait, of this process and of others, each. */
  readonly questions: number;
  /** Puts that wait for acknowledgements. */
  readonly awaitedPuts: number;
  /** Messages that wait for the guard. */
  readonly guarded: number;
  /** Fields in them; some 10,000 are judged a second. Beyond, wires of which some wait are read no further. */
  readonly guardedFields: number;
  /** The same of one peer. */
  readonly guardedFieldsPerPeer: number;
  /** Fields of unacknowledged puts that are remembered one by one; beyond, whole souls are. */
  readonly outboxFields: number;
  /** Souls of unacknowledged puts. */
  readonly outboxSouls: number;
  /** Bytes of keys and values in the answer to a range that names no budget. */
  readonly answerBytes: number;
  /** Nodes in the answer to a question over souls. */
  readonly answerNodes: number;
  /** Questions over souls that wait for their turn; more are refused. */
  readonly soulQuestions: number;
  /** gun.js leaves whose souls are remembered for their return, and souls of each. */
  readonly leaves: number;
  readonly soulsPerLeaf: number;
  /** Characters of all those souls; beyond, the leaves that were not heard for longest are forgotten. */
  readonly leafChars: number;
  /** Characters of one message of those that are sent again, about. */
  readonly messageChars: number;
  /** Questions and re-sent nodes before others get their turn. */
  readonly perTurn: number;
}

export const peerLimits: PeerLimits = {
  lackMs: 9_000,
  askMs: 3_000,
  absentMs: 1_000,
  absentLeavesMs: 100,
  repairMs: 2_000,
  questions: 10_000,
  awaitedPuts: 1_000_000,
  guarded: 10_000,
  guardedFields: 50_000,
  guardedFieldsPerPeer: 5_000,
  outboxFields: 50_000,
  outboxSouls: 100_000,
  answerBytes: 1024 * 1024,
  answerNodes: 10_000,
  soulQuestions: 64,
  leaves: 1_000,
  soulsPerLeaf: 1_000,
  leafChars: 16 * 1024 * 1024,
  messageChars: 256 * 1024,
  perTurn: 256,
};
