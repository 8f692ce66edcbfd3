/** Who is dialled where and when: addresses, one dial per peer at a time, patience after failures. */
import { PangeaError, asPangeaError } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import type { Clock, Random } from '../std/std.ts';

/** Head start of each address over the next. */
const staggerMs = 250;
const firstBackoffMs = 100;
const longestBackoffMs = 10_000;
const addressesPerPeer = 16;

export interface DialerOptions<C> {
  readonly clock: Clock;
  readonly random: Random;
  /** One attempt; rejects within the dial timeout. A connection that comes after another has won is the callee's to keep. */
  readonly attempt: (address: string, peer: PeerId) => Promise<C>;
}

interface Failures {
  count: number;
  retryAtMs: number;
  error: PangeaError;
}

export class Dialer<C> {
  readonly #options: DialerOptions<C>;
  readonly #addresses = new Map<PeerId, readonly string[]>();
  readonly #dials = new Map<PeerId, Promise<C>>();
  readonly #failures = new Map<PeerId, Failures>();

  constructor(options: DialerOptions<C>) {
    this.#options = options;
  }

  setAddresses(peer: PeerId, addresses: readonly string[]): void {
    const kept = [...new Set(addresses)].slice(0, addressesPerPeer);
    const known = this.#addresses.get(peer) ?? [];
    if (kept.length !== known.length || kept.some((address) => !known.includes(address))) this.#failures.delete(peer);
    if (kept.length > 0) this.#addresses.set(peer, kept);
    else this.#addresses.delete(peer);
  }

  knows(peer: PeerId): boolean {
    return this.#addresses.has(peer);
  }

  /** The peer was reached, by whichever side. */
  reached(peer: PeerId): void {
    this.#failures.delete(peer);
  }

  /** All callers share one dial. Fails at once for a while after a failure: 100 ms, doubling to 10 s. */
  dial(peer: PeerId): Promise<C> {
    const under = this.#dials.get(peer);
    if (under !== undefined) return under;
    const addresses = this.#addresses.get(peer);
    if (addresses === undefined) {
      return Promise.reject(new PangeaError('PEER_UNREACHABLE', `no address of ${peer} is known`, { data: { peer } }));
    }
    const failures = this.#failures.get(peer);
    if (failures !== undefined && this.#options.clock.monotonicMs() < failures.retryAtMs) return Promise.reject(failures.error);
    const dial = this.#dialAny(peer, addresses).then(
      (connection) => {
        this.#failures.delete(peer);
        return connection;
      },
      (error: unknown) => {
        const failure = asPangeaError(error, 'PEER_UNREACHABLE');
        this.#failed(peer, failure);
        throw failure;
      },
    ).finally(() => this.#dials.delete(peer));
    this.#dials.set(peer, dial);
    return dial;
  }

  async #dialAny(peer: PeerId, addresses: readonly string[]): Promise<C> {
    const won = new AbortController();
    const attempts = addresses.map(async (address, i) => {
      if (i > 0) await this.#options.clock.sleep(i * staggerMs, won.signal);
      return this.#options.attempt(address, peer);
    });
    try {
      return await Promise.any(attempts);
    } catch (error) {
      const errors = error instanceof AggregateError ? error.errors.map((each) => asPangeaError(each, 'PEER_UNREACHABLE')) : [];
      throw worst(peer, errors);
    } finally {
      won.abort();
    }
  }

  #failed(peer: PeerId, error: PangeaError): void {
    const { clock, random } = this.#options;
    const count = (this.#failures.get(peer)?.count ?? 0) + 1;
    const backoffMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** (count - 1)) * (0.75 + 0.5 * random.unit());
    this.#failures.set(peer, { count, error, retryAtMs: clock.monotonicMs() + backoffMs });
  }
}

/** What the caller learns when every address failed: a refusal says more than silence. */
function worst(peer: PeerId, errors: readonly PangeaError[]): PangeaError {
  for (const code of ['PEER_REFUSED', 'PEER_MISMATCH'] as const) {
    const found = errors.find((error) => error.code === code);
    if (found !== undefined) return found;
  }
  const first = errors[0];
  return new PangeaError('PEER_UNREACHABLE', `${peer} cannot be reached: ${first?.message ?? 'no address'}`, { cause: first, data: { peer } });
}
