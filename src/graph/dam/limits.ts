/** Limits of the mesh, by name. What a peer can make us hold or do is bounded by one of these. */
import { graphLimits, type GraphLimits } from '../data/check.ts';
import type { Violation } from './dam.ts';

export interface DamLimits extends GraphLimits {
  /** Characters of one frame. gun.js allows 90,000,000, which stalls a process for more than a second. */
  readonly frameChars: number;
  /** Of puts that are sent, as far as they can be parted: what a peer takes is not known, but our own limit is. */
  readonly putChars: number;
  /** Messages in one frame. */
  readonly batchMessages: number;
  /** Nesting of a frame. A state lies on the sixth level of a batch, a link of a healed node too. */
  readonly depth: number;
  readonly idChars: number;
  /** Messages a second of one connection, and of all connections from one address; as many may come at once. */
  readonly messagesPerSecond: number;
  /** Characters of a frame that count as one message more. */
  readonly charsPerMessage: number;
  /** Fields a second that are put, counted like messages. */
  readonly writesPerSecond: number;
  /** Characters of frames that wait for their turn, per connection. Beyond it the wire is paused, or frames are dropped. */
  readonly inboxChars: number;
  /** Bytes that a wire may hold before updates for it are merged instead of queued. */
  readonly backlogBytes: number;
  /** Characters of merged updates and held messages, per connection. Beyond it the wire is closed. */
  readonly heldChars: number;
  /** How long a wire may stay behind. */
  readonly behindMs: number;
  /** Answers that are being sent in pieces, per connection. */
  readonly streams: number;
  /**
   * Fields in them: some 64 bytes each. When so many wait, questions of the connection wait too; ten times as many can come
   * of questions that were under way, and what is beyond is dropped.
   */
  readonly streamFields: number;
  /** Characters that are gathered in one frame, for gun.js and for nodes of ours. */
  readonly packChars: number;
  readonly packCharsPangea: number;
  /** Keys of one piece of an answer, `_` included as gun.js counts. */
  readonly answerKeys: number;
  /** The same for answers of more than `wideFields`, which gun.js takes in half the time so, and for nodes of ours. */
  readonly wideFields: number;
  readonly answerKeysWide: number;
  readonly answerKeysPangea: number;
  /** Souls and keys that one connection may watch by asking for them. Beyond it it gets everything. */
  readonly subscriptions: number;
  /** The same in characters of them: names may be long. */
  readonly subscriptionChars: number;
  /** Souls that one connection may watch by writing to them. Beyond it nothing is added. */
  readonly writerSubscriptions: number;
  /** Keys of one soul that are told apart. Beyond it the whole node is sent. */
  readonly keysPerSoul: number;
  /** Lexes over souls of one connection. Beyond it it gets everything. */
  readonly lexes: number;
  /** Leaves that are asked when somebody asks for something, beside the relays. */
  readonly askLeaves: number;
  /** Of so many, those that came last: each is asked once for a soul while it is connected, since what it writes from then on it sends. */
  readonly askLeavesAmong: number;
  /** Souls of which that is remembered, per connection. */
  readonly askedSouls: number;
  readonly duplicateLimit: number;
  readonly duplicateTtlMs: number;
  /** Acknowledgements passed back to the writer of one put. */
  readonly acksPerPut: number;
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** Error messages a second to one connection. */
  readonly errorsPerSecond: number;
  /** Penalty points at which a connection is closed and its address banned, and how fast they are forgotten. */
  readonly scoreLimit: number;
  readonly scorePerSecond: number;
  readonly banMs: number;
  /** Addresses that are remembered without a connection. */
  readonly addresses: number;
  /** Work of one turn before others have theirs. */
  readonly turnMs: number;
  readonly heartbeatMs: number;
  /** A peer that has not said its name by then is taken as it is. */
  readonly helloMs: number;
}

export const defaultLimits: DamLimits = {
  ...graphLimits,
  frameChars: 4 * 1024 * 1024,
  putChars: 1024 * 1024,
  batchMessages: 20_000,
  depth: 16,
  idChars: 128,
  messagesPerSecond: 100_000,
  charsPerMessage: 512,
  writesPerSecond: 300_000,
  inboxChars: 8 * 1024 * 1024,
  backlogBytes: 4 * 1024 * 1024,
  heldChars: 16 * 1024 * 1024,
  behindMs: 60_000,
  streams: 10_000,
  streamFields: 50_000,
  packChars: 9000,
  packCharsPangea: 65_536,
  answerKeys: 9,
  wideFields: 100,
  answerKeysWide: 500,
  answerKeysPangea: 1000,
  subscriptions: 50_000,
  subscriptionChars: 4 * 1024 * 1024,
  writerSubscriptions: 1000,
  keysPerSoul: 64,
  lexes: 64,
  askLeaves: 3,
  askLeavesAmong: 256,
  askedSouls: 10_000,
  duplicateLimit: 100_000,
  duplicateTtlMs: 9000,
  acksPerPut: 9,
  connections: 20_000,
  connectionsPerAddress: 1000,
  errorsPerSecond: 10,
  scoreLimit: 100,
  scorePerSecond: 1,
  banMs: 600_000,
  addresses: 10_000,
  turnMs: 8,
  heartbeatMs: 20_000,
  helloMs: 3000,
};

/**
 * Penalty points. Nought where an honest peer can be the cause: gun.js relays pass on what they have not checked,
 * clocks differ, and a burst of writes is held back, not punished.
 */
export const penalties: Readonly<Record<Violation, number>> = {
  'message-size': 20, json: 5, depth: 20, structure: 2, nodes: 10, value: 1, 'state-future': 0.1, signature: 5, 'content-hash': 5,
  'writes-rate': 0, 'messages-rate': 0, memory: 20, backlog: 0, connections: 0,
};
