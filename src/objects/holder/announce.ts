/** Says in the DHT that this node holds a root: in the background, since an acknowledgement never waits for it. */
import { limits, type Dht } from '../../dht/dht.ts';
import { bytesOfDigest, type Digest } from '../../ids/ids.ts';
import type { Clock, Timer } from '../../std/std.ts';
import type { Logger } from '../../telemetry/telemetry.ts';

export interface AnnouncerDependencies {
  readonly dht: Dht;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly announceKey: (root: Uint8Array) => Uint8Array;
}

/**
 * Between two announcements of this node. Each is a look-up and some twenty messages: without a pause, a thousand small
 * objects put at once spent nine tenths of twelve nodes' time on announcing, which nobody waits for.
 */
const paceMs = 200;
/**
 * Holders of the first four slots announce, the others are named by them: twelve announcements an object, each to some
 * twenty nodes, cost more than a small object itself. Repair fills a lost slot and so replaces a lost announcer.
 */
const announcingSlots = 0b1111;
const retryMs = 60_000;

/** True when a holder of these slots says so in the DHT. */
export function announces(slots: number): boolean {
  return (slots & announcingSlots) !== 0;
}

export class Announcer {
  readonly #dependencies: AnnouncerDependencies;
  /** In order of arrival; a set, so that a root waits once. */
  readonly #waiting = new Set<Digest>();
  readonly #failed = new Set<Digest>();
  #isBusy = false;
  #pace: Timer | undefined;
  #running = false;
  #retry: Timer | undefined;

  constructor(dependencies: AnnouncerDependencies) {
    this.#dependencies = dependencies;
  }

  start(): void {
    this.#running = true;
    this.#advance();
  }

  stop(): void {
    this.#running = false;
    this.#retry?.cancel();
    this.#pace?.cancel();
    this.#isBusy = false;
    this.#waiting.clear();
    this.#failed.clear();
  }

  /** Beyond the DHT's own limit a root stays unannounced: readers that know the holders still find it. */
  add(root: Digest): void {
    if (this.#waiting.size >= limits.providedKeys) return;
    this.#waiting.add(root);
    this.#advance();
  }

  withdraw(root: Digest): void {
    this.#waiting.delete(root);
    this.#failed.delete(root);
    const { dht, announceKey, logger } = this.#dependencies;
    dht.unprovide(announceKey(bytesOfDigest(root))).catch((error: unknown) => {
      logger.debug({ root, error: (error as Error).message }, 'an announcement could not be withdrawn');
    });
  }

  #advance(): void {
    if (!this.#running || this.#isBusy) return;
    const root = this.#waiting.values().next().value;
    if (root === undefined) return;
    this.#waiting.delete(root);
    this.#isBusy = true;
    void this.#announce(root).then(() => {
      this.#pace = this.#dependencies.clock.after(paceMs, () => {
        this.#isBusy = false;
        this.#advance();
      });
    });
  }

  async #announce(root: Digest): Promise<void> {
    const { dht, announceKey, logger, clock } = this.#dependencies;
    try {
      await dht.provide(announceKey(bytesOfDigest(root)));
    } catch (error) {
      logger.debug({ root, error: (error as Error).message }, 'a root could not be announced yet');
      if (!this.#running) return;
      this.#failed.add(root);
      this.#retry ??= clock.after(retryMs, () => this.#again());
    }
  }

  /** After a pause, since without peers every announcement fails at once. */
  #again(): void {
    this.#retry = undefined;
    const failed = [...this.#failed];
    this.#failed.clear();
    for (const root of failed) this.add(root);
  }
}
