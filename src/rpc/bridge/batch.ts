/** The face of `Worker` and of `parentPort` that both sides need. */
export interface ThreadPort {
  postMessage(value: unknown, transfer: ArrayBuffer[]): void;
}

/**
 * Collects what one turn of the event loop has to say and sends it as one message: a hop to another thread costs some
 * ten microseconds, whatever it carries. `nextTick` runs after all promise reactions of the turn.
 */
export class Batch<M> {
  readonly #port: ThreadPort;
  readonly #unsent: (message: M, error: unknown) => void;
  #messages: M[] = [];
  #transfer: ArrayBuffer[] = [];

  /** `unsent` hears of messages that cannot be cloned: a bug of whoever made them, which must not take the others along. */
  constructor(port: ThreadPort, unsent: (message: M, error: unknown) => void) {
    this.#port = port;
    this.#unsent = unsent;
  }

  post(message: M, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#messages.length === 0) process.nextTick(() => this.flush());
    this.#messages.push(message);
    for (const memory of transfer) this.#transfer.push(memory);
  }

  flush(): void {
    if (this.#messages.length === 0) return;
    const [messages, transfer] = [this.#messages, this.#transfer];
    this.#messages = [];
    this.#transfer = [];
    try {
      this.#port.postMessage(messages, transfer);
    } catch {
      // Cloning comes before handing over, so nothing was sent and all memory is still here.
      for (const message of messages) this.#alone(message);
    }
  }

  #alone(message: M): void {
    try {
      this.#port.postMessage([message], []);
    } catch (error) {
      this.#unsent(message, error);
    }
  }
}
