/** Events as lines of JSON: the only event with bytes, a message, carries them in base64. */
import type { NodeEvent } from '../api/api.ts';

/** What one client of the control socket may have waiting; more are dropped and counted. */
export const maxWaitingEvents = 1024;
/** And of messages at most so many bytes. */
const maxWaitingBytes = 4 * 1024 * 1024;

/** Stands where events are missing, because the client did not take them in time. */
export interface LostEvents {
  readonly kind: 'lost';
  readonly count: number;
}

export function eventLine(event: NodeEvent | LostEvents): string {
  const shown = event.kind === 'message' ? { ...event, data: Buffer.from(event.data).toString('base64') } : event;
  return `${JSON.stringify(shown)}\n`;
}

/** Of what the own node sent; nothing is checked but what has to be turned back. */
export function eventOfLine(value: unknown): NodeEvent | LostEvents {
  const event = value as NodeEvent | LostEvents;
  return event.kind === 'message' ? { ...event, data: new Uint8Array(Buffer.from(event.data as unknown as string, 'base64')) } : event;
}

/** Takes events as they come and gives them as one block a time, when the reader is ready for it. */
export class EventQueue {
  readonly #waiting: NodeEvent[] = [];
  #bytes = 0;
  #lost = 0;
  #news = Promise.withResolvers<void>();
  #ended = false;

  readonly push = (event: NodeEvent): void => {
    const bytes = event.kind === 'message' ? event.data.length : 0;
    if (this.#waiting.length >= maxWaitingEvents || this.#bytes + bytes > maxWaitingBytes) this.#lost++;
    else {
      this.#waiting.push(event);
      this.#bytes += bytes;
    }
    this.#news.resolve();
  };

  readonly end = (): void => {
    this.#ended = true;
    this.#news.resolve();
  };

  async *blocks(): AsyncGenerator<Uint8Array> {
    while (!this.#ended) {
      await this.#news.promise;
      this.#news = Promise.withResolvers();
      const lines = this.#waiting.splice(0).map(eventLine);
      if (this.#lost > 0) lines.push(eventLine({ kind: 'lost', count: this.#lost }));
      [this.#lost, this.#bytes] = [0, 0];
      if (lines.length > 0) yield Buffer.from(lines.join(''));
    }
  }
}
