/**
 * What happens in the node, for those who listen. Parts report without waiting: an event is queued, and handed on when
 * the event loop comes round, so that no listener runs on the stack of the part that reports, or can hold it up by failing.
 */
import type { NodeEvent, NodeEventKind } from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';
import type { Clock } from '../std/std.ts';
import type { Counter, Logger, Metrics } from '../telemetry/telemetry.ts';

export const eventLimits = {
  /** Events that wait for one turn of the event loop; further ones are dropped and counted. */
  queued: 4096,
  /** Those who listen at one time; one more is `TOO_MANY`. */
  listeners: 4096,
} as const;

export interface EventsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** An event that has not got its time yet. */
export type NewEvent = NodeEvent extends infer E ? (E extends NodeEvent ? Omit<E, 'atMs'> : never) : never;

export class Events {
  readonly #options: EventsOptions;
  readonly #listeners = new Map<object, { readonly kinds: ReadonlySet<NodeEventKind>; readonly listener: (event: NodeEvent) => void }>();
  readonly #dropped: Counter;
  #queue: NodeEvent[] = [];

  constructor(options: EventsOptions) {
    this.#options = options;
    this.#dropped = options.metrics.counter('pangea_node_events_dropped_total', 'Events that came faster than they could be handed on');
    options.metrics.gauge('pangea_node_event_listeners', 'Who listens to events now', () => this.#listeners.size);
  }

  /** Whether anybody wants to hear of this: what is costly to find out need not be. */
  wanted(kind: NodeEventKind): boolean {
    for (const { kinds } of this.#listeners.values()) if (kinds.has(kind)) return true;
    return false;
  }

  subscribe(kinds: readonly NodeEventKind[], listener: (event: NodeEvent) => void): () => void {
    if (this.#listeners.size >= eventLimits.listeners) throw new PangeaError('TOO_MANY', `${eventLimits.listeners} listen to events already`);
    const id = {};
    this.#listeners.set(id, { kinds: new Set(kinds), listener });
    return () => void this.#listeners.delete(id);
  }

  emit(event: NewEvent): void {
    if (!this.wanted(event.kind)) return;
    if (this.#queue.length >= eventLimits.queued) return this.#dropped.add();
    if (this.#queue.length === 0) this.#options.clock.after(0, () => this.#handOn());
    this.#queue.push({ ...event, atMs: this.#options.clock.nowMs() } as NodeEvent);
  }

  #handOn(): void {
    const events = this.#queue;
    this.#queue = [];
    for (const event of events) {
      for (const [id, { kinds, listener }] of this.#listeners) {
        if (!kinds.has(event.kind)) continue;
        try {
          listener(event);
        } catch (error) {
          // One that failed once would fail with every event.
          this.#listeners.delete(id);
          this.#options.logger.warn({ error: (error as Error).message, kind: event.kind }, 'a listener to events failed and hears no more');
        }
      }
    }
  }
}
