import type { Clock, Timer } from '../../std/std.ts';
import type { MeshPeer, Violation, Wire } from './dam.ts';
import type { Address } from './addresses.ts';
import { Inbox } from './inbox.ts';
import type { DamLimits } from './limits.ts';
import { Outgoing } from './outgoing.ts';
import { Bucket } from './rates.ts';
import type { Delta } from '../data/types.ts';

/** Who is too fast rests for so long at least, and then has that much more to spend. */
const heldMs = 50;

export interface ConnectionOptions {
  readonly id: number;
  readonly wire: Wire;
  /** Undefined for a wire that was dialled: those are trusted not to flood. */
  readonly address: Address | undefined;
  readonly clock: Clock;
  readonly limits: DamLimits;
  readonly encode: (deltas: readonly Delta[]) => string;
  readonly onMessage: (raw: unknown, from: Connection) => void;
  readonly onViolation: (from: Connection, violation: Violation, detail: string) => void;
  readonly onFrameOut: () => void;
  /** Nothing more of it can be taken now. */
  readonly busy: (from: Connection) => boolean;
  /** There is work in the inbox. */
  readonly onReady: (from: Connection) => void;
}

/** One wire with its queues, and what is known of the peer at its other end. */
export class Connection implements MeshPeer {
  readonly id: number;
  readonly name: string;
  readonly dialled: boolean;
  readonly wire: Wire;
  readonly address: Address | undefined;
  readonly outgoing: Outgoing;
  readonly inbox: Inbox;
  readonly errors: Bucket;
  pid = '';
  /** It said `hi`, which gun.js relays never do. */
  leaf = false;
  pangea = false;
  pangeaRelay = false;
  /** The graph was told of it. */
  known = false;
  /** Until it is taken without a name. */
  naming: Timer | undefined;
  closed = false;
  readonly #options: ConnectionOptions;
  readonly #messages: Bucket;
  readonly #writes: Bucket;
  #waiting: Timer | undefined;
  #tooFast = false;
  #full = false;

  constructor(options: ConnectionOptions) {
    const { id, wire, address, clock, limits, encode } = options;
    const nowMs = clock.monotonicMs();
    this.#options = options;
    this.id = id;
    this.wire = wire;
    this.name = wire.name;
    this.dialled = wire.dialled;
    this.address = address;
    this.errors = new Bucket(limits.errorsPerSecond, nowMs);
    this.#messages = new Bucket(limits.messagesPerSecond, nowMs);
    this.#writes = new Bucket(limits.writesPerSecond, nowMs);
    this.outgoing = new Outgoing(
      { wire, clock, limits, encode, onFrame: options.onFrameOut, onStuck: () => this.#stuck() },
      !wire.dialled,
    );
    this.inbox = new Inbox({
      limits,
      onMessage: (raw) => options.onMessage(raw, this),
      onViolation: (violation, detail) => options.onViolation(this, violation, detail),
      onOpen: (chars) => this.spend(Math.floor(chars / limits.charsPerMessage), 0),
      onFrameEnd: () => this.outgoing.flush(),
      waitMs: () => this.#waitMs(),
      onWait: (waitMs) => this.#wait(waitMs),
      onFull: (full) => {
        this.#full = full;
        this.#pause();
      },
    });
  }

  get relay(): boolean {
    return this.pangea ? this.pangeaRelay : this.dialled || !this.leaf;
  }

  /** Counts what came in against the rates. */
  spend(messages: number, writes: number): void {
    if (this.dialled) return;
    const nowMs = this.#options.clock.monotonicMs();
    this.#messages.take(messages, nowMs);
    this.#writes.take(writes, nowMs);
    this.address?.messages.take(messages, nowMs);
    this.address?.writes.take(writes, nowMs);
  }

  /** Ends it without a word to the wire's owner; see `Mesh` for the rest. */
  release(): void {
    this.closed = true;
    this.#waiting?.cancel();
    this.naming?.cancel();
    this.inbox.close();
    this.outgoing.close();
  }

  #waitMs(): number {
    if (this.outgoing.crowded || this.#options.busy(this)) return heldMs;
    if (this.dialled) return 0;
    const nowMs = this.#options.clock.monotonicMs();
    return Math.max(this.#messages.waitMs(nowMs), this.#writes.waitMs(nowMs), this.address?.messages.waitMs(nowMs) ?? 0, this.address?.writes.waitMs(nowMs) ?? 0);
  }

  /** Held back, not dropped: gun.js never sends a put again. */
  #wait(waitMs: number): void {
    if (this.#waiting !== undefined) return;
    const nowMs = this.#options.clock.monotonicMs();
    const writes = Math.max(this.#writes.waitMs(nowMs), this.address?.writes.waitMs(nowMs) ?? 0);
    // Who does not read is cut off in time, if it comes to that. Its wire is read on: two that both wait to be read would wait for ever.
    this.#tooFast = !this.outgoing.crowded;
    if (this.#tooFast && !this.#options.busy(this)) this.#options.onViolation(this, writes > 0 ? 'writes-rate' : 'messages-rate', 'held back');
    if (this.closed) return;
    this.#waiting = this.#options.clock.after(Math.max(waitMs, heldMs), () => {
      this.#waiting = undefined;
      this.#tooFast = false;
      this.#pause();
      this.#options.onReady(this);
    });
    this.#pause();
  }

  #pause(): void {
    if (this.#full || this.#tooFast) this.wire.pause?.();
    else this.wire.resume?.();
  }

  #stuck(): void {
    if (this.closed) return;
    this.#options.onViolation(this, 'backlog', 'does not read what it is sent');
    this.wire.close('backlog');
  }
}
