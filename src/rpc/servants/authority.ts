/** Rights in force: what a session may do, until it is revoked or expires. */
import { PangeaError } from '../../errors/errors.ts';
import type { Clock } from '../../std/std.ts';
import { demand, intersect, type Right, type Rights } from '../rights.ts';

/** Something that goes on under an authority: its signal is aborted when the authority ends. */
export interface Operation {
  readonly signal: AbortSignal;
  abort(reason: PangeaError): void;
  /** It is over: nothing waits for the authority's end on its account any more. */
  end(): void;
}

/** The longest that one timer can wait. */
const longestTimerMs = 2 ** 31 - 1;

export class Authority {
  readonly rights: Rights;
  readonly #clock: Clock;
  readonly #own = new AbortController();
  /** Also aborted by all from whom this authority was narrowed. */
  readonly #revoked: AbortSignal;

  constructor(rights: Rights, clock: Clock, from?: AbortSignal) {
    this.rights = rights;
    this.#clock = clock;
    this.#revoked = from === undefined ? this.#own.signal : AbortSignal.any([from, this.#own.signal]);
  }

  /** Throws `DENIED`. */
  demand(right: Right): void {
    this.demandValid();
    demand(this.rights, right, this.#clock.nowMs());
  }

  demandValid(): void {
    if (this.#revoked.aborted) throw new PangeaError('DENIED', 'this session was revoked');
    const { expiresMs } = this.rights;
    if (expiresMs !== undefined && this.#clock.nowMs() >= expiresMs) throw new PangeaError('DENIED', 'this session has expired');
  }

  narrow(wanted: Rights): Authority {
    return new Authority(intersect(this.rights, wanted), this.#clock, this.#revoked);
  }

  revoke(): void {
    this.#own.abort(new PangeaError('DENIED', 'this session was revoked'));
  }

  /** Ends with the authority, and with each of `signals`. */
  operation(...signals: readonly AbortSignal[]): Operation {
    const own = new AbortController();
    const { expiresMs } = this.rights;
    let timer: { cancel(): void } | undefined;
    const arm = (): void => {
      if (expiresMs === undefined) return;
      const leftMs = expiresMs - this.#clock.nowMs();
      if (leftMs <= 0) return own.abort(new PangeaError('DENIED', 'this session has expired'));
      timer = this.#clock.after(Math.min(leftMs, longestTimerMs), arm);
    };
    arm();
    return {
      signal: AbortSignal.any([own.signal, this.#revoked, ...signals]),
      abort: (reason) => own.abort(reason),
      end: () => timer?.cancel(),
    };
  }
}
