import type { Delta } from '../data/types.ts';
import type { Guard, GuardVerdict } from './peer.ts';

export type Refusal = Extract<GuardVerdict, { ok: false }>;
type Passed = readonly Delta[] | Refusal;

/**
 * The guard over whole messages: all deltas pass, or none. Synchronous as long as the guard is; behind a verdict that
 * takes time, later messages that share a soul with it wait, so that writes of one soul keep their order.
 */
export class Guarding {
  readonly #guard: Guard | undefined;
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #fieldsOf = new Map<number, number>();
  #fields = 0;
  #waiting = 0;

  constructor(guard: Guard | undefined) {
    this.#guard = guard;
  }

  /** Messages that wait for verdicts. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Fields that wait for verdicts. */
  get fields(): number {
    return this.#fields;
  }

  fieldsOf(peer: number): number {
    return this.#fieldsOf.get(peer) ?? 0;
  }

  /** Calls `then` at once, or when the verdicts are there. `from`: of which peer, to know how much of it waits. */
  check(deltas: readonly Delta[], then: (passed: Passed) => void, from = 0): void {
    const guard = this.#guard;
    if (!guard) return then(deltas);
    const verdicts: GuardVerdict[] = [];
    let slow: (GuardVerdict | Promise<GuardVerdict>)[] | undefined;
    for (const delta of deltas) {
      const verdict = guard(delta);
      if (slow) slow.push(verdict);
      else if (verdict instanceof Promise) slow = [...verdicts, verdict];
      else verdicts.push(verdict);
    }
    if (!slow && (this.#busy.size === 0 || !deltas.some(({ soul }) => this.#busy.has(soul)))) return then(passedOf(deltas, verdicts));
    this.#queue(deltas, slow ?? verdicts, then, from);
  }

  #queue(deltas: readonly Delta[], verdicts: readonly (GuardVerdict | Promise<GuardVerdict>)[], then: (passed: Passed) => void, from: number): void {
    this.#waiting++;
    const fields = deltas.reduce((sum, delta) => sum + delta.fields.length, 0);
    this.#count(from, fields);
    const before = deltas.map(({ soul }) => this.#busy.get(soul));
    const job = Promise.all([Promise.all(verdicts), ...before]).then(
      ([done]) => passedOf(deltas, done as GuardVerdict[]),
      (): Refusal => ({ ok: false, err: 'Unverified data.', violation: 'signature' }),
    ).then((passed) => {
      this.#waiting--;
      this.#count(from, -fields);
      for (const { soul } of deltas) if (this.#busy.get(soul) === job) this.#busy.delete(soul);
      then(passed);
    });
    for (const { soul } of deltas) this.#busy.set(soul, job);
  }

  #count(from: number, fields: number): void {
    this.#fields += fields;
    const now = this.fieldsOf(from) + fields;
    if (now > 0) this.#fieldsOf.set(from, now);
    else this.#fieldsOf.delete(from);
  }
}

function passedOf(deltas: readonly Delta[], verdicts: readonly GuardVerdict[]): Passed {
  let changed: Delta[] | undefined;
  for (let at = 0; at < deltas.length; at++) {
    const verdict = verdicts[at] as GuardVerdict;
    if (!verdict.ok) return verdict;
    if (verdict.delta) (changed ??= deltas.slice(0, at)).push(verdict.delta);
    else changed?.push(deltas[at] as Delta);
  }
  return changed?.filter(({ fields }) => fields.length > 0) ?? deltas;
}
