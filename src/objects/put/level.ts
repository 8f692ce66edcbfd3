/**
 * The zstd level of the next stripe, moved inside its range by what the stripes before it waited for. Pure: times go in, a
 * level comes out, so the same times always give the same levels.
 *
 * A put that waits for its holders has processor time to spare, and a higher level turns it into fewer bytes to send. Where
 * everything waits for the encoder, a lower level is faster. In between nothing changes. Holders on the encoder's own
 * processor are slow because it is busy: a level that makes the stripes slower is taken back.
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
/** How much longer stripes may take after a raise: less is noise. */
const toleratedSlowdown = 1.1;
/** Stripes for which a level that proved too slow is not tried again; doubled each time it proves so. */
const firstPatience = 8;
const maxPatience = 256;

export class LevelPolicy {
  readonly #range: LevelRange;
  readonly #settling: number;
  #level: number;
  /** The latest stripes at this level, at most `agreeing`. */
  #laps: StripeTimes[] = [];
  /** Stripes that still show the level before. */
  #unsettled = 0;
  /** What stripes took before the last raise, until it is known whether they take longer since. */
  #formerMs = Number.POSITIVE_INFINITY;
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
    this.#laps = [...this.#laps.slice(1 - agreeing), times];
    if (this.#laps.length < agreeing) return this.#level;
    const isSlower = this.#laps.every(({ elapsedMs }) => elapsedMs > this.#formerMs * toleratedSlowdown);
    this.#formerMs = Number.POSITIVE_INFINITY;
    if (isSlower || this.#laps.every((lap) => verdictOf(lap) === -1)) this.#lower();
    else if (this.#raisesAfter === 0 && this.#laps.every((lap) => verdictOf(lap) === 1)) this.#raise();
    return this.#level;
  }

  #raise(): void {
    if (this.#level >= this.#range.maxLevel) return;
    this.#formerMs = this.#laps.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0) / this.#laps.length;
    this.#moveBy(1);
  }

  #lower(): void {
    if (this.#level <= this.#range.minLevel) return;
    this.#raisesAfter = this.#patience;
    this.#patience = Math.min(this.#patience * 2, maxPatience);
    this.#moveBy(-1);
  }

  #moveBy(step: 1 | -1): void {
    this.#level += step;
    this.#laps = [];
    this.#unsettled = this.#settling;
  }
}

/** 1 where the holders are what is waited for, -1 where it is the encoder, 0 where it is neither, the source for one. */
function verdictOf({ elapsedMs, blockedMs, starvedMs }: StripeTimes): -1 | 0 | 1 {
  if (!(elapsedMs > 0)) return 0;
  if (blockedMs / elapsedMs >= decisiveShare) return 1;
  return starvedMs / elapsedMs >= decisiveShare ? -1 : 0;
}
