/** What goes out on one wire: gathered into frames, merged while the wire is behind, cut off when it stays so. */
import type { Clock, Timer } from '../../std/std.ts';
import type { Delta, Field } from '../data/types.ts';
import { splitPut } from './answers.ts';
import type { Wire } from './dam.ts';
import type { DamLimits } from './limits.ts';

export interface OutgoingOptions {
  readonly wire: Wire;
  readonly clock: Clock;
  readonly limits: DamLimits;
  /** Writes merged updates as one message. */
  readonly encode: (deltas: readonly Delta[]) => string;
  readonly onFrame: () => void;
  /** The wire has been behind for too long or by too much. */
  readonly onStuck: () => void;
}

/** How often a wire that is behind is looked at. */
const drainMs = 20;
/** Merged updates go out in messages of so many fields. */
const mergedFields = 500;
/** Pieces of answers are written in turns of so many characters. */
const pumpChars = 256 * 1024;

export class Outgoing {
  packChars: number;
  readonly #options: OutgoingOptions;
  #batch: string[] = [];
  #batchChars = 0;
  #window: Timer | undefined;
  /** Updates for a wire that is behind: the last field per soul and key is enough. */
  readonly #merged = new Map<string, Map<string, Field>>();
  #held: string[] = [];
  #heldChars = 0;
  #streams: { readonly pieces: Iterator<string>; readonly fields: number }[] = [];
  #streamFields = 0;
  #drain: Timer | undefined;
  #pumping: Timer | undefined;
  #behindSinceMs: number | undefined;
  #waiting: boolean;
  #closed = false;

  /** With `waiting`, updates are merged until `start`, and everything else is sent. */
  constructor(options: OutgoingOptions, waiting: boolean) {
    this.#options = options;
    this.packChars = options.limits.packChars;
    this.#waiting = waiting;
  }

  get heldChars(): number {
    return this.#heldChars;
  }

  /** So much waits to be read by the peer that it may not ask for more. */
  get crowded(): boolean {
    return this.#streamFields >= this.#options.limits.streamFields;
  }

  /** The peer is known: what was merged goes to a relay; a leaf will ask for it. */
  start(relay: boolean): void {
    this.#waiting = false;
    if (!relay) this.#forgetMerged();
    else if (this.#behindSinceMs === undefined) this.#sendMerged();
  }

  message(text: string): void {
    if (this.#closed) return;
    if (this.#behind()) return this.#hold(text);
    this.#post(text);
  }

  /** A change that a later one of the same field makes useless. `text` is `deltas` as a message. */
  update(deltas: readonly Delta[], text: string): void {
    if (this.#closed) return;
    if (!this.#waiting && !this.#behind()) return this.#post(text);
    for (const { soul, fields } of deltas) {
      let node = this.#merged.get(soul);
      if (!node) this.#merged.set(soul, (node = new Map()));
      for (const field of fields) {
        const known = node.get(field.key);
        if (known && known.state > field.state) continue;
        if (known === undefined) this.#heldChars += soul.length + field.key.length;
        this.#heldChars += size(field) - (known ? size(known) : 0);
        node.set(field.key, field);
      }
    }
    if (this.#heldChars > this.#options.limits.heldChars) this.#options.onStuck();
  }

  /** A long answer of so many fields: pieces are made when the wire takes them. False when there are too many already. */
  stream(pieces: Iterator<string>, fields: number): boolean {
    const { streams, streamFields } = this.#options.limits;
    if (this.#closed || this.#streams.length >= streams || this.#streamFields >= streamFields * 10) return false;
    this.#streams.push({ pieces, fields });
    this.#streamFields += fields;
    if (this.#streams.length === 1 && this.#pumping === undefined) this.#pump();
    return true;
  }

  /** Sends what was gathered now instead of at the end of the turn. */
  flush(): void {
    if (this.#batch.length === 0) return;
    const text = `[${this.#batch.join(',')}]`;
    this.#batch = [];
    this.#batchChars = 0;
    this.#send(text);
  }

  close(): void {
    this.#closed = true;
    this.#window?.cancel();
    this.#drain?.cancel();
    this.#pumping?.cancel();
    this.#batch = [];
    this.#held = [];
    this.#streams = [];
    this.#merged.clear();
  }

  /** The first message goes at once; what follows before the timer is gathered. */
  #post(text: string): void {
    if (this.#window === undefined) {
      this.#window = this.#options.clock.after(0, () => {
        this.#window = undefined;
        this.flush();
      });
      return this.#send(text);
    }
    if (this.#batchChars + text.length > this.packChars) this.flush();
    this.#batch.push(text);
    this.#batchChars += text.length + 1;
  }

  #send(text: string): void {
    if (this.#closed) return;
    this.#options.onFrame();
    this.#options.wire.send(text);
  }

  #behind(): boolean {
    if (this.#behindSinceMs !== undefined) return true;
    const { wire, clock, limits } = this.#options;
    if (wire.buffered() <= limits.backlogBytes) return false;
    this.#behindSinceMs = clock.monotonicMs();
    this.#watch();
    return true;
  }

  #watch(): void {
    this.#drain ??= this.#options.clock.after(drainMs, () => {
      this.#drain = undefined;
      this.#drained();
    });
  }

  #drained(): void {
    const { wire, clock, limits } = this.#options;
    if (this.#closed) return;
    if (this.#behindSinceMs !== undefined) {
      if (wire.buffered() > limits.backlogBytes / 2) {
        if (clock.monotonicMs() - this.#behindSinceMs > limits.behindMs) return this.#options.onStuck();
        return this.#watch();
      }
      this.#behindSinceMs = undefined;
      const held = this.#held;
      this.#held = [];
      for (const text of held) {
        this.#heldChars -= text.length;
        this.message(text);
      }
      if (!this.#waiting) this.#sendMerged();
    }
    this.#pump();
  }

  #pump(): void {
    let chars = 0;
    while (this.#streams.length > 0 && !this.#closed && !this.#behind()) {
      // In turns: what is asked in the course of a long answer is not answered only after it.
      const stream = this.#streams.shift() as { pieces: Iterator<string>; fields: number };
      const next = stream.pieces.next();
      if (next.done) this.#streamFields -= stream.fields;
      else {
        this.#streams.push(stream);
        this.#post(next.value);
        chars += next.value.length;
      }
      if (chars < pumpChars) continue;
      this.#pumping ??= this.#options.clock.after(0, () => {
        this.#pumping = undefined;
        this.#pump();
      });
      return;
    }
  }

  #hold(text: string): void {
    this.#held.push(text);
    this.#heldChars += text.length;
    if (this.#heldChars > this.#options.limits.heldChars) this.#options.onStuck();
  }

  #sendMerged(): void {
    const nodes = [...this.#merged].map(([soul, fields]) => ({ soul, fields: [...fields.values()] }));
    this.#forgetMerged();
    let part: Delta[] = [];
    let fields = 0;
    for (const node of nodes) {
      part.push(node);
      fields += node.fields.length;
      if (fields < mergedFields) continue;
      this.#sendParts(part);
      part = [];
      fields = 0;
    }
    this.#sendParts(part);
  }

  /** Few fields may be long. */
  #sendParts(deltas: readonly Delta[]): void {
    if (deltas.length === 0) return;
    for (const part of splitPut(deltas, this.#options.limits.putChars)) this.update(part, this.#options.encode(part));
  }

  #forgetMerged(): void {
    this.#merged.clear();
    this.#heldChars = this.#held.reduce((sum, text) => sum + text.length, 0);
  }
}

function size({ value }: Field): number {
  return typeof value === 'string' ? value.length + 16 : 24;
}
