/**
 * Which objects came by `NodeService.upload`. That interface asks for no token, so these alone are given out by root there:
 * every other object of the catalogue is private to who has a session.
 */
import type { KeyValueStore } from '../kv/kv.ts';

const prefix = 'mixed/upload/';

export class Uploads {
  readonly #kv: KeyValueStore;
  /** One after the other, so that the end can wait for all. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(kv: KeyValueStore) {
    this.#kv = kv;
  }

  /** Durable once it resolves. */
  remember(root: string): Promise<void> {
    return this.#next(() => this.#kv.put(prefix + root, Uint8Array.of(1)));
  }

  async has(root: string): Promise<boolean> {
    return (await this.#kv.get(prefix + root)) !== undefined;
  }

  /** Nothing depends on it but space: what was removed from the catalogue is not found there either. */
  forget(root: string): void {
    this.#next(() => this.#kv.delete(prefix + root)).catch(() => undefined);
  }

  /** Resolves when nothing is being written any more. */
  async stop(): Promise<void> {
    await this.#turn;
  }

  #next(write: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(write);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
