import { PangeaError } from '../../errors/errors.ts';
import type { KeyValueStore, KvOperation } from '../../kv/kv.ts';
import { fromUtf8, utf8 } from '../../std/std.ts';

/** An object, and the field that names it or did. */
export interface Place {
  readonly reference: string;
  readonly soul: string;
  readonly key: string;
}

const prefix = 'graph/large/';

/**
 * Every object that large values lie in, by the field for which it was put. In doubt are those of a write that is under
 * way: nobody knows yet whether the store names them. In memory as a whole: an entry is small beside its object.
 */
export class LargeLedger {
  readonly #kv: KeyValueStore;
  readonly #souls = new Map<string, Map<string, Set<string>>>();
  /** Of an earlier run. */
  readonly doubtful: Place[] = [];

  private constructor(kv: KeyValueStore) {
    this.#kv = kv;
  }

  static async open(kv: KeyValueStore): Promise<LargeLedger> {
    const ledger = new LargeLedger(kv);
    for await (const [at, bytes] of kv.entries(prefix)) {
      const { soul, key, doubt } = entryOf(bytes);
      const place = { reference: at.slice(prefix.length), soul, key };
      ledger.#remember(place);
      if (doubt) ledger.doubtful.push(place);
    }
    return ledger;
  }

  at(soul: string, key: string): Place[] {
    return [...(this.#souls.get(soul)?.get(key) ?? [])].map((reference) => ({ reference, soul, key }));
  }

  /** To be called before a write that may end what these places hold. */
  async doubt(places: readonly Place[]): Promise<void> {
    await this.#kv.batch(places.map((place) => put(place, true)));
    for (const place of places) this.#remember(place);
  }

  async settle(place: Place, isNamed: boolean): Promise<void> {
    const references = this.#souls.get(place.soul)?.get(place.key);
    if (!references?.has(place.reference)) return;
    if (isNamed) return this.#kv.batch([put(place, false)]);
    references.delete(place.reference);
    await this.#kv.delete(prefix + place.reference);
  }

  #remember({ reference, soul, key }: Place): void {
    let keys = this.#souls.get(soul);
    if (!keys) this.#souls.set(soul, (keys = new Map()));
    const references = keys.get(key);
    if (references) references.add(reference);
    else keys.set(key, new Set([reference]));
  }
}

function put({ reference, soul, key }: Place, doubt: boolean): KvOperation {
  return { type: 'put', key: prefix + reference, value: utf8(JSON.stringify({ soul, key, doubt })) };
}

function entryOf(bytes: Uint8Array): { readonly soul: string; readonly key: string; readonly doubt: boolean } {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw new PangeaError('STORE_CORRUPT', 'the ledger of large values cannot be read', { cause });
  }
}
