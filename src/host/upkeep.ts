/**
 * What keeps a host in its network, the same for both backends: bootstrap peers are dialled until they answer,
 * peers found by mDNS are dialled once, and the routing table is refreshed.
 */
import { type PeerId } from '../ids/ids.ts';
import { type Clock, Semaphore } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { parseMultiaddr } from './addresses.ts';
import type { Host, HostPeer } from './host.ts';
import { hostLimits } from './limits.ts';

export interface UpkeepOptions {
  readonly host: Pick<Host, 'dial' | 'connectedPeers' | 'kad' | 'peerId'>;
  readonly bootstrap: readonly string[];
  /** Dials an address that a peer named, under the dial policy. */
  readonly dialLearned: (found: HostPeer) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #stop = new AbortController();
  readonly #discovery = new Semaphore(hostLimits.discoveryDials);
  readonly #dialling = new Set<PeerId>();
  readonly #loops: Promise<void>[] = [];

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  start(): void {
    for (const address of this.#options.bootstrap) this.#loops.push(this.#keep(address));
    this.#loops.push(this.#refresh());
  }

  found(peer: HostPeer): void {
    if (this.#stop.signal.aborted || peer.peer === this.#options.host.peerId || this.#dialling.has(peer.peer)) return;
    if (this.#dialling.size >= hostLimits.addressBookPeers || this.#options.host.connectedPeers().includes(peer.peer)) return;
    this.#dialling.add(peer.peer);
    void this.#discovery
      .run(() => (this.#stop.signal.aborted ? Promise.resolve() : this.#options.dialLearned(peer)))
      .catch((error: unknown) => this.#options.logger.debug({ peer: peer.peer, error: String(error) }, 'peer found by mDNS did not answer'))
      .finally(() => this.#dialling.delete(peer.peer));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  /** Dials until connected, and again whenever the peer has gone. */
  async #keep(address: string): Promise<void> {
    const { host, logger } = this.#options;
    let peer = parseMultiaddr(address)?.peer;
    let waitMs: number = hostLimits.bootstrapRetryMinMs;
    let told = false;
    while (!this.#stop.signal.aborted) {
      if (peer === undefined || !host.connectedPeers().includes(peer)) {
        try {
          peer = await host.dial(address);
          waitMs = hostLimits.bootstrapRetryMinMs;
          told = false;
          if (!this.#stop.signal.aborted) await host.kad.bootstrap();
        } catch (error) {
          if (this.#stop.signal.aborted) return;
          if (!told) logger.warn({ address, error: String(error) }, 'bootstrap peer does not answer; trying on');
          told = true;
          waitMs = Math.min(waitMs * 2, hostLimits.bootstrapRetryMaxMs);
        }
      }
      const connected = peer !== undefined && host.connectedPeers().includes(peer);
      if (!(await this.#pause(connected ? hostLimits.bootstrapRetryMaxMs : waitMs))) return;
    }
  }

  async #refresh(): Promise<void> {
    const { host, logger } = this.#options;
    while (await this.#pause(hostLimits.refreshMs)) {
      await host.kad.bootstrap().catch((error: unknown) => logger.debug({ error: String(error) }, 'refresh of the routing table failed'));
    }
  }

  /** False when the host is closing. */
  async #pause(ms: number): Promise<boolean> {
    if (this.#stop.signal.aborted) return false;
    return new Promise((resolve) => {
      const onStop = (): void => {
        timer.cancel();
        resolve(false);
      };
      const timer = this.#options.clock.after(ms, () => {
        this.#stop.signal.removeEventListener('abort', onStop);
        resolve(true);
      });
      this.#stop.signal.addEventListener('abort', onStop, { once: true });
    });
  }
}
