/** The DHT of a node: keys, rules, limits and repetition on top of a host's Kademlia operations. */
import { PangeaError } from '../errors/errors.ts';
import type { Host } from '../host/host.ts';
import { type Clock, equalBytes, toHex } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { type Dht, type FoundPeer, type RecordRules, limits } from './dht.ts';
import { providerKey, valueKey } from './keys.ts';
import { Repeater } from './repeater.ts';
import { isNewerOrSame, isValid, newest, ruleOf } from './rules.ts';

export interface DhtOptions {
  readonly host: Host;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rules: Readonly<Record<string, RecordRules>>;
}

/** Holders forget providers after 24 to 48 hours, values after 36 to 48. */
const reprovideMs = 10 * 3_600_000;
const republishMs = 6 * 3_600_000;
const maxRepublished = 4096;

export function openDht(options: DhtOptions): Dht {
  return new KademliaDht(options);
}

class KademliaDht implements Dht {
  readonly name: 'native' | 'js';
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #rules: Readonly<Record<string, RecordRules>>;
  readonly #provided: Repeater;
  readonly #published: Repeater;

  constructor({ host, clock, logger, rules }: DhtOptions) {
    this.name = host.name;
    this.#host = host;
    this.#clock = clock;
    this.#rules = rules;
    const repeating = { clock, logger, tableSize: () => host.kad.routingTablePeers().length };
    this.#provided = new Repeater(repeating);
    this.#published = new Repeater(repeating);
    host.on({
      connected: () => {
        this.#provided.grown();
        this.#published.grown();
      },
    });
  }

  async bootstrap(): Promise<void> {
    await this.#host.kad.bootstrap();
  }

  async provide(key: Uint8Array): Promise<void> {
    const target = providerKey(key);
    if (this.#provided.size >= limits.providedKeys) {
      throw new PangeaError('TOO_LARGE', `this node announces ${limits.providedKeys} keys already`, { data: { limit: limits.providedKeys } });
    }
    await this.#provided.start(toHex(key), reprovideMs, () => this.#host.kad.startProviding(target));
  }

  async unprovide(key: Uint8Array): Promise<void> {
    this.#provided.stop(toHex(key));
    await this.#host.kad.stopProviding(providerKey(key));
  }

  async findProviders(key: Uint8Array, options: { limit?: number; timeoutMs?: number } = {}): Promise<readonly FoundPeer[]> {
    const limit = Math.min(options.limit ?? limits.providersPerKey, limits.providersPerKey);
    const own: FoundPeer[] = this.#provided.has(toHex(key)) ? [{ peer: this.#host.peerId, multiaddrs: this.#host.multiaddrs() }] : [];
    // Not one more than wanted: a query ends as soon as it has them, and to its very end it costs several times as much.
    const found = await this.#host.kad.providers(providerKey(key), limit + own.length, options.timeoutMs ?? limits.queryTimeoutMs);
    return [...own, ...found.filter(({ peer }) => peer !== this.#host.peerId)].slice(0, limit);
  }

  async putValue(type: string, id: string, value: Uint8Array): Promise<void> {
    const key = valueKey(type, id);
    const rule = this.#rule(type);
    if (value.length > limits.valueBytes) {
      throw new PangeaError('TOO_LARGE', `a DHT value has at most ${limits.valueBytes} bytes, not ${value.length}`);
    }
    if (!isValid(rule, id, value, this.#clock.nowMs())) throw new PangeaError('PROTOCOL', `the value does not pass the rules of '${type}'`);
    const own = value.slice();
    const name = `${type}/${id}`;
    await this.#put(type, id, key, own);
    // From here on it is only repeated, in the background.
    if (this.#published.size < maxRepublished) {
      void this.#published.start(name, republishMs, () => this.#republish(name, rule, id, key, own)).catch(() => undefined);
    }
  }

  async getValue(type: string, id: string, options: { timeoutMs?: number } = {}): Promise<Uint8Array | undefined> {
    const rule = this.#rule(type);
    const found = await this.#host.kad.getRecord(valueKey(type, id), options.timeoutMs ?? limits.queryTimeoutMs);
    const nowMs = this.#clock.nowMs();
    return newest(rule, distinct(found.map(({ value }) => value)).filter((value) => isValid(rule, id, value, nowMs)));
  }

  async closestPeers(key: Uint8Array, options: { timeoutMs?: number } = {}): Promise<readonly FoundPeer[]> {
    return this.#host.kad.closestPeers(providerKey(key), options.timeoutMs ?? limits.queryTimeoutMs);
  }

  knownPeers(): readonly FoundPeer[] {
    return this.#host.kad.routingTablePeers();
  }

  close(): Promise<void> {
    this.#provided.close();
    this.#published.close();
    return Promise.resolve();
  }

  /**
   * Puts, then reads back from other peers: their "ok" says only that the message arrived.
   * Finding a newer value there is no failure: the newest one wins, and this one lost.
   */
  async #put(type: string, id: string, key: Uint8Array, value: Uint8Array): Promise<void> {
    const rule = this.#rule(type);
    await this.#host.kad.putRecord(key, value);
    const answers = await this.#host.kad.getRecord(key, limits.queryTimeoutMs);
    const nowMs = this.#clock.nowMs();
    const valid = distinct(answers.map((answer) => answer.value)).filter((held) => isValid(rule, id, held, nowMs));
    const best = newest(rule, [value, ...valid]) as Uint8Array;
    if (!answers.some(({ peer, value: held }) => peer !== undefined && equalBytes(held, best))) {
      throw new PangeaError('PEER_UNREACHABLE', `no peer of the DHT gave ${type}/${id} back`);
    }
  }

  async #republish(name: string, rule: RecordRules, id: string, key: Uint8Array, value: Uint8Array): Promise<void> {
    const answers = await this.#host.kad.getRecord(key, limits.queryTimeoutMs);
    const nowMs = this.#clock.nowMs();
    const replaced = distinct(answers.map((answer) => answer.value)).some(
      (held) => isValid(rule, id, held, nowMs) && !equalBytes(held, value) && isNewerOrSame(rule, held, value),
    );
    if (replaced || !isValid(rule, id, value, nowMs)) return this.#published.stop(name);
    await this.#host.kad.putRecord(key, value);
  }

  #rule(type: string): RecordRules {
    const rule = ruleOf(this.#rules, type);
    if (!rule) throw new PangeaError('USAGE', `no rules for DHT values of type '${type}'`);
    return rule;
  }
}

/** Twenty holders give twenty answers, nearly always of one value; each check of a signature takes 0.15 ms. */
function distinct(values: readonly Uint8Array[]): Uint8Array[] {
  return values.filter((value, index) => values.findIndex((other) => equalBytes(other, value)) === index);
}
