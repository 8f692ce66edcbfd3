/** Counts of this thread, told to the node's metrics once a second at most. */
import type { TallyAmount } from '../bridge/messages.ts';
import type { Counter } from '../servants/surface.ts';
import type { Clock } from '../../std/std.ts';

const intervalMs = 1000;

export class Tally {
  readonly #clock: Clock;
  readonly #tell: (amounts: readonly TallyAmount[]) => void;
  readonly #amounts = new Map<string, { counter: Counter; label: string; amount: number }>();
  #isArmed = false;

  constructor(clock: Clock, tell: (amounts: readonly TallyAmount[]) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  readonly count = (counter: Counter, label: string, amount = 1): void => {
    const key = `${counter} ${label}`;
    const known = this.#amounts.get(key);
    if (known !== undefined) known.amount += amount;
    else this.#amounts.set(key, { counter, label, amount });
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.after(intervalMs, () => this.flush());
  };

  flush(): void {
    this.#isArmed = false;
    if (this.#amounts.size === 0) return;
    this.#tell([...this.#amounts.values()]);
    this.#amounts.clear();
  }
}
