/** Who listens on which gossip topic inside this process: the same for both backends, which know one subscription a topic. */
import { PangeaError } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { gossipLimits } from './host.ts';

export type OnMessage = (from: PeerId, data: Uint8Array) => boolean;

export interface TopicsOptions {
  readonly join: (topic: string) => void;
  readonly leave: (topic: string) => void;
  readonly logger: Logger;
}

const maxTopicBytes = 256;

export class Topics {
  readonly #options: TopicsOptions;
  readonly #listeners = new Map<string, Set<{ readonly onMessage: OnMessage }>>();

  constructor(options: TopicsOptions) {
    this.#options = options;
  }

  subscribe(topic: string, onMessage: OnMessage): () => void {
    checkTopic(topic);
    const listener = { onMessage };
    const present = this.#listeners.get(topic);
    if (present) present.add(listener);
    else {
      if (this.#listeners.size >= gossipLimits.topics) throw new PangeaError('TOO_MANY', `at most ${gossipLimits.topics} topics`);
      this.#listeners.set(topic, new Set([listener]));
      this.#options.join(topic);
    }
    return () => {
      const all = this.#listeners.get(topic);
      if (!all?.delete(listener) || all.size > 0) return;
      this.#listeners.delete(topic);
      this.#options.leave(topic);
    };
  }

  /** Every listener hears a message; one that finds it invalid stops it. A listener that throws has judged nothing valid. */
  judge(topic: string, from: PeerId, data: Uint8Array): boolean {
    let valid = true;
    for (const { onMessage } of this.#listeners.get(topic) ?? []) {
      try {
        if (!onMessage(from, data)) valid = false;
      } catch (error) {
        this.#options.logger.error({ topic, error: String(error) }, 'the listener on a topic threw; the message is dropped');
        valid = false;
      }
    }
    return valid;
  }
}

/** Throws `USAGE` and `TOO_LARGE`. */
export function checkMessage(topic: string, data: Uint8Array): void {
  checkTopic(topic);
  if (data.length > gossipLimits.messageBytes) {
    throw new PangeaError('TOO_LARGE', `${data.length} bytes; a message has at most ${gossipLimits.messageBytes}`);
  }
}

function checkTopic(topic: string): void {
  const bytes = Buffer.byteLength(topic);
  if (bytes < 1 || bytes > maxTopicBytes) throw new PangeaError('USAGE', `the name of a topic has 1 to ${maxTopicBytes} bytes`);
}
