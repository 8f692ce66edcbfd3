/** What came in on one wire and waits for its turn: text until it is its turn, then messages one by one. */
import type { Violation } from './dam.ts';
import { parseJson } from '../../std/std.ts';
import type { DamLimits } from './limits.ts';
import type { Worker } from './turns.ts';

export interface InboxOptions {
  readonly limits: DamLimits;
  readonly onMessage: (raw: unknown) => void;
  readonly onViolation: (violation: Violation, detail: string) => void;
  /** A frame of so many characters is about to be parsed. */
  readonly onOpen: (chars: number) => void;
  /** All of a frame was handled. */
  readonly onFrameEnd: () => void;
  /** Milliseconds to wait before more may be handled; 0 when there is no need. */
  readonly waitMs: () => number;
  readonly onWait: (waitMs: number) => void;
  /** More, or no longer more, waits than `inboxChars`. */
  readonly onFull: (full: boolean) => void;
}

export class Inbox implements Worker {
  readonly #options: InboxOptions;
  #frames: string[] = [];
  #nextFrame = 0;
  #chars = 0;
  #batch: readonly unknown[] = [];
  #nextMessage = 0;
  #full = false;
  #closed = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  get chars(): number {
    return this.#chars;
  }

  /** False when the frame was dropped. */
  take(frame: string): boolean {
    const { limits, onViolation, onFull } = this.#options;
    if (frame.length > limits.frameChars) {
      onViolation('message-size', `a frame of ${frame.length} characters`);
      return false;
    }
    // The wire is paused by then; one that cannot pause is cut short.
    if (this.#full && this.#chars > limits.inboxChars + limits.frameChars) {
      onViolation('memory', 'frames come faster than they can be handled');
      return false;
    }
    this.#frames.push(frame);
    this.#chars += frame.length;
    if (!this.#full && this.#chars > limits.inboxChars) {
      this.#full = true;
      onFull(true);
    }
    return true;
  }

  step(): boolean {
    if (this.#closed) return false;
    if (this.#nextMessage < this.#batch.length) {
      const waitMs = this.#options.waitMs();
      if (waitMs > 0) {
        this.#options.onWait(waitMs);
        return false;
      }
      this.#options.onMessage(this.#batch[this.#nextMessage++]);
      if (this.#nextMessage === this.#batch.length) this.#options.onFrameEnd();
      return true;
    }
    if (this.#nextFrame >= this.#frames.length) return false;
    this.#open();
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#frames = [];
    this.#batch = [];
  }

  #open(): void {
    const frame = this.#frames[this.#nextFrame] as string;
    this.#frames[this.#nextFrame++] = '';
    if (this.#nextFrame > 64 && this.#nextFrame * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#nextFrame);
      this.#nextFrame = 0;
    }
    this.#chars -= frame.length;
    if (this.#full && this.#chars <= this.#options.limits.inboxChars / 2) {
      this.#full = false;
      this.#options.onFull(false);
    }
    this.#nextMessage = 0;
    this.#batch = this.#parse(frame);
  }

  #parse(frame: string): readonly unknown[] {
    const { limits, onViolation, onOpen } = this.#options;
    onOpen(frame.length);
    let read: { readonly value: unknown } | undefined;
    try {
      read = parseJson(frame, limits.depth);
    } catch {
      onViolation('json', 'not JSON');
      return [];
    }
    if (!read) {
      onViolation('depth', `a frame of more than ${limits.depth} levels`);
      return [];
    }
    const parsed = read.value;
    if (!Array.isArray(parsed)) return [parsed];
    if (parsed.length <= limits.batchMessages) return parsed;
    onViolation('message-size', `a frame of ${parsed.length} messages`);
    return [];
  }
}
