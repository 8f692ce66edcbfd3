import type { NodeEvent } from '../../api/api.ts';
import { limits } from '../limits.ts';

export interface QueuedEvent {
  readonly event: NodeEvent;
  /** Events dropped just before this one. */
  readonly lost: number;
}

/** Events for one reader who may be slower than they come: the oldest are dropped, and the next one says how many. */
export class EventQueue implements AsyncIterableIterator<QueuedEvent> {
  readonly #events: QueuedEvent[] = [];
  readonly #unsubscribe: () => void;
  #waiting: ((result: IteratorResult<QueuedEvent>) => void) | undefined;
  #ended = false;

  constructor(subscribe: (listener: (event: NodeEvent) => void) => () => void) {
    this.#unsubscribe = subscribe((event) => this.#add(event));
  }

  async next(): Promise<IteratorResult<QueuedEvent>> {
    const first = this.#events.shift();
    if (first !== undefined) return { done: false, value: first };
    if (this.#ended) return { done: true, value: undefined };
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  async return(): Promise<IteratorResult<QueuedEvent>> {
    if (!this.#ended) this.#unsubscribe();
    this.#ended = true;
    this.#events.length = 0;
    this.#waiting?.({ done: true, value: undefined });
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #add(event: NodeEvent): void {
    if (this.#ended) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) return waiting({ done: false, value: { event, lost: 0 } });
    this.#events.push({ event, lost: 0 });
    if (this.#events.length <= limits.events) return;
    const dropped = this.#events.shift();
    const [head] = this.#events;
    if (dropped !== undefined && head !== undefined) this.#events[0] = { event: head.event, lost: head.lost + dropped.lost + 1 };
  }
}
