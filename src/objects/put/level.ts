/**
 * The zstd level of the next stripe, moved inside its range by what the stripes before it waited for. Pure: times go in, a
 * level comes out, so the same times always give the same levels.
 *
 * A put that waits for its holders has processor time to spare, and a higher level turns it into fewer bytes to send. Where
 * everything waits for the encoder, a lower level is faster. In between nothing changes.
 */

/** What happened since the last stripe was begun. */
export interface StripeTimes {
  readonly elapsedMs: number;
  /** The encoder could not go on, because as many stripes were on their way to holders as may be at one time. */
  readonly blockedMs: number;
  /** Nothing was on its way to a holder, because all that was there was being encoded. */
  readonly starvedMs: number;
}

export interface LevelRange {
  readonly minLevel: number;
  readonly maxLevel: number;
}

/** Share of the time that says whom the others wait for. Half: one more level takes 1.2 to 2 times as long. */
const decisiveShare = 0.5;
/** As many stripes in a row must say the same. */
const agreeing = 2;
/** Stripes for which a level that proved too slow is not tried again; doubled each time it proves so. */
const firstPatience = 8;
const maxPatience = 256;

export class LevelPolicy {
  readonly #range: LevelRange;
  readonly #settling: number;
  #level: number;
  /** Above zero: so many stripes in a row asked for more; below: for less. */
  #votes = 0;
  /** Stripes that still show the level before. */
  #unsettled = 0;
  #patience = firstPatience;
  #raisesAfter = 0;

  /** `windowStripes`: how many stripes are under way at one time, so how many a change of level takes to show. */
  constructor(range: LevelRange, windowStripes: number) {
    this.#range = range;
    this.#settling = windowStripes;
    this.#level = range.minLevel;
  }

  get level(): number {
    return this.#level;
  }

  /** Takes what happened since the last stripe was begun, and gives the level for the next. */
  next(times: StripeTimes): number {
    if (this.#raisesAfter > 0) this.#raisesAfter--;
    if (this.#unsettled > 0) {
      this.#unsettled--;
      return this.#level;
    }
    const verdict = verdictOf(times);
    this.#votes = verdict === 0 || verdict * this.#votes < 0 ? verdict : this.#votes + verdict;
    if (this.#votes >= agreeing && this.#raisesAfter === 0) this.#move(1);
    else if (this.#votes <= -agreeing) this.#move(-1);
    return this.#level;
  }

  #move(step: 1 | -1): void {
    const level = Math.min(Math.max(this.#level + step, this.#range.minLevel), this.#range.maxLevel);
    this.#votes = 0;
    if (level === this.#level) return;
    this.#level = level;
    this.#unsettled = this.#settling;
    if (step === 1) return;
    this.#raisesAfter = this.#patience;
    this.#patience = Math.min(this.#patience * 2, maxPatience);
  }
}

/** 1 where the holders are what is waited for, -1 where it is the encoder, 0 where it is neither, the source for one. */
function verdictOf({ elapsedMs, blockedMs, starvedMs }: StripeTimes): -1 | 0 | 1 {
  if (!(elapsedMs > 0)) return 0;
  if (blockedMs / elapsedMs >= decisiveShare) return 1;
  return starvedMs / elapsedMs >= decisiveShare ? -1 : 0;
}
