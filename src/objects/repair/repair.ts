/**
 * Background repair: every holder looks after the objects it holds, without any key.
 *
 * A look asks the likely holders which rows they have. What nobody has and nobody will bring back within the grace
 * time is restored from any eight rows and given to a new holder. Who acts, why two do not, and what a look costs:
 * `docs/internals/repair.md`.
 */
import { isPangeaError } from '../../errors/errors.ts';
import type { Digest, PeerId } from '../../ids/ids.ts';
import { mapConcurrent, type Clock, type Random } from '../../std/std.ts';
import { recordKind, type ShardStore } from '../../store/store.ts';
import type { Metrics } from '../../telemetry/telemetry.ts';
import type { Candidates } from '../candidates.ts';
import { parseTombstone } from '../format/held-record.ts';
import type { HeldObject } from '../holder/held.ts';
import { blame, getRequest } from '../get/lookup.ts';
import type { ObjectsEvents, ObjectsSettings, RepairReport, RepairState } from '../objects.ts';
import { takeCensus, type AskDependencies, type Subject } from './ask.ts';
import { ByteBudget } from './budget.ts';
import { assess, type Census } from './census.ts';
import { Doubts } from './doubts.ts';
import { layoutUpdate } from './handover.ts';
import { restoreLayout } from './layout.ts';
import { restoreLost } from './object.ts';
import { currentHolders, turnOf } from './plan.ts';
import { Scrubber } from './scrub.ts';

export interface RepairDependencies extends Omit<AskDependencies, 'doubts' | 'sinceMs' | 'settings'> {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: ShardStore;
  readonly metrics: Metrics;
  readonly candidates: Candidates;
  readonly settings: Pick<ObjectsSettings, 'requestTimeoutMs' | 'repairGraceMs' | 'repairIntervalMs' | 'repairWindowBytes'>;
  readonly events: Pick<ObjectsEvents, 'repairRound' | 'restored' | 'unreadable'>;
}

/** Objects that are asked about without suspicion in one round; the rest waits its turn. */
const routineLooks = 64;
/** Objects under suspicion in one round. */
const suspectLooks = 1_024;
const looksAtOnce = 4;
/** The k-th live holder in order waits k of these before it acts: longer than the first needs to restore a small object. */
const turnStepMs = 20_000;
/** A commit reaches the holders of one object over some time; a look before that would take them for losers. */
const settleMs = 60_000;
/** Between two rounds, whatever is due: a round that can do nothing must not become a spin. */
const leastPauseMs = 1_000;
/** Held objects that are gone through before the event loop gets a turn. */
const objectsAtOnce = 4_096;

type State = 'whole' | 'below' | 'waiting' | 'unreadable' | 'deleted';

interface Look {
  readonly state: State;
  readonly restored: number;
}

export class Repairer {
  readonly #dependencies: RepairDependencies;
  readonly #doubts: Doubts;
  readonly #budget: ByteBudget;
  readonly #scrubber: Scrubber;
  readonly #sinceMs: number;
  readonly #states = new Map<Digest, Exclude<State, 'whole' | 'deleted'>>();
  /** When this node acts on what it found, unless another one did before. */
  readonly #turns = new Map<Digest, number>();
  readonly #looking = new Map<Digest, Promise<Look>>();
  readonly #restored: (shards: number) => void;
  #routine: Digest[] = [];
  #shardsRestored = 0;
  #last: RepairState['last'];
  /** There while rounds are paused; resolves when they go on. */
  #pause: PromiseWithResolvers<void> | undefined;
  #abort = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(dependencies: RepairDependencies) {
    this.#dependencies = dependencies;
    const { clock, settings, store, held, metrics } = dependencies;
    this.#doubts = new Doubts(clock);
    this.#budget = new ByteBudget(settings.repairWindowBytes);
    this.#scrubber = new Scrubber(store, held);
    this.#sinceMs = clock.monotonicMs();
    const restored = metrics.counter('pangea_objects_repaired_shards_total', 'Lost shards that this node restored');
    this.#restored = (shards) => restored.add(shards);
    metrics.gauge('pangea_objects_under_repair', 'Held objects with lost rows, as last seen', () => this.underRepair);
    metrics.gauge('pangea_objects_unreadable', 'Held objects of which fewer than 8 rows are left', () =>
      [...this.#states.values()].filter((state) => state === 'unreadable').length);
    metrics.gauge('pangea_objects_repair_window_bytes', 'Bytes that repair has in memory', () => this.#budget.usedBytes);
  }

  /** Held objects below their twelve rows, as last seen. */
  get underRepair(): number {
    return this.#states.size;
  }

  get state(): RepairState {
    return { paused: this.#pause !== undefined, shardsRestored: this.#shardsRestored, last: this.#last };
  }

  /** Between two rounds; what is under way goes on. Gives whether that changed anything. */
  pause(paused: boolean): boolean {
    if (paused === (this.#pause !== undefined)) return false;
    this.#pause?.resolve();
    this.#pause = paused ? Promise.withResolvers() : undefined;
    return true;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** What is under way ends at its next request. Safe to repeat. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#pause?.resolve();
    await Promise.all([this.#loop, ...this.#looking.values()].map((each) => each?.catch(() => undefined)));
  }

  /** A look at every held object now. It acts on what it finds without waiting for others' turns. */
  async once(): Promise<RepairReport> {
    const { held } = this.#dependencies;
    await held.load();
    await this.#scrub();
    return this.#ended(await this.#lookAt(held.list(), false));
  }

  #ended(report: RepairReport): RepairReport {
    const { clock, events } = this.#dependencies;
    this.#last = { ...report, endedMs: clock.nowMs() };
    events.repairRound(report);
    return report;
  }

  async #run(): Promise<void> {
    const { clock, random, held, settings, logger } = this.#dependencies;
    const { signal } = this.#abort;
    const pauseMs = (): number => settings.repairIntervalMs * (0.8 + 0.4 * random.unit());
    await held.load();
    let nextRoundMs = clock.monotonicMs() + pauseMs();
    while (!signal.aborted) {
      const nextTurnMs = Math.max(Math.min(...this.#turns.values()), clock.monotonicMs() + leastPauseMs);
      await clock.sleep(Math.max(0, Math.min(nextRoundMs, nextTurnMs) - clock.monotonicMs()), signal).catch(() => undefined);
      while (this.#pause !== undefined && !signal.aborted) await this.#pause.promise;
      if (signal.aborted) return;
      const isRound = clock.monotonicMs() >= nextRoundMs;
      if (isRound) nextRoundMs = clock.monotonicMs() + pauseMs();
      try {
        if (isRound) await this.#scrub();
        const report = await this.#lookAt(isRound ? await this.#due() : this.#turnsDue(), true);
        if (isRound) this.#ended(report);
        if (report.shardsRestored > 0) logger.info({ ...report }, 'lost shards were restored');
      } catch (error) {
        if (!signal.aborted) logger.error({ error: (error as Error).message }, 'a round of repair failed');
      }
    }
  }

  async #scrub(): Promise<void> {
    const damaged = await this.#scrubber.round(this.#dependencies.settings.repairWindowBytes);
    await mapConcurrent(damaged, looksAtOnce, (object) => restoreLayout(this.#dependencies, object));
  }

  /** Objects that this node waited for others to repair, long enough. What was deleted meanwhile is forgotten. */
  #turnsDue(): readonly HeldObject[] {
    const { held } = this.#dependencies;
    for (const digest of this.#states.keys()) if (held.get(digest) === undefined) this.#states.delete(digest);
    for (const digest of this.#turns.keys()) if (held.get(digest) === undefined) this.#turns.delete(digest);
    return [...this.#turns.keys()].filter((digest) => this.#isMyTurn(digest)).flatMap((digest) => held.get(digest) ?? []);
  }

  /** Objects under suspicion, from what this node knows already, and a slice of all others. */
  async #due(): Promise<readonly HeldObject[]> {
    const { held, clock } = this.#dependencies;
    const objects = held.list();
    const gone = this.#gonePeers();
    const due = new Set(this.#turnsDue());
    for (const [index, object] of objects.entries()) {
      if (index % objectsAtOnce === objectsAtOnce - 1) await clock.sleep(0);
      if (due.size < suspectLooks && this.#isSuspicious(object, gone)) due.add(object);
    }
    if (this.#routine.length === 0) this.#routine = objects.map(({ digest }) => digest);
    for (const digest of this.#routine.splice(0, routineLooks)) {
      const object = held.get(digest);
      if (object !== undefined && this.#isMyTurn(digest)) due.add(object);
    }
    return [...due];
  }

  #isSuspicious({ digest, holders }: HeldObject, gone: ReadonlySet<PeerId>): boolean {
    if (this.#states.has(digest)) return this.#isMyTurn(digest);
    return this.#dependencies.held.damaged(digest).length > 0 || holders.some((peer) => peer === undefined || gone.has(peer));
  }

  #gonePeers(): ReadonlySet<PeerId> {
    const { peers, settings } = this.#dependencies;
    return new Set(peers.list().flatMap(({ peer }) => (peers.silentMs(peer) > settings.repairGraceMs ? [peer] : [])));
  }

  /** True also for an object of which nothing is known to be lost. */
  #isMyTurn(digest: Digest): boolean {
    return (this.#turns.get(digest) ?? 0) <= this.#dependencies.clock.monotonicMs();
  }

  async #lookAt(objects: readonly HeldObject[], patient: boolean): Promise<RepairReport> {
    const looks = await mapConcurrent(objects, looksAtOnce, (object) => this.#look(object, patient));
    return {
      objectsChecked: looks.length,
      shardsRestored: looks.reduce((sum, { restored }) => sum + restored, 0),
      objectsBelowTarget: looks.filter(({ state }) => state !== 'whole' && state !== 'deleted').length,
      objectsUnreadable: looks.filter(({ state }) => state === 'unreadable').length,
    };
  }

  /** One look at a time per object: a second caller gets the first one's. */
  #look(object: HeldObject, patient: boolean): Promise<Look> {
    const { digest } = object;
    let look = this.#looking.get(digest);
    if (look === undefined) {
      look = this.#inspect(object, patient).then((found) => this.#note(digest, found)).finally(() => this.#looking.delete(digest));
      this.#looking.set(digest, look);
    }
    return look;
  }

  #note(digest: Digest, look: Look): Look {
    const { logger, events } = this.#dependencies;
    const before = this.#states.get(digest);
    if (look.state === 'whole' || look.state === 'deleted') {
      this.#states.delete(digest);
      this.#turns.delete(digest);
    } else {
      this.#states.set(digest, look.state);
    }
    if (look.state === 'unreadable' && before !== 'unreadable') {
      logger.error({ root: digest }, 'fewer than 8 rows of an object are left; it comes back only with its holders');
      events.unreadable(digest);
    }
    if (look.restored > 0) {
      this.#restored(look.restored);
      this.#shardsRestored += look.restored;
      events.restored(digest, look.restored);
    }
    return look;
  }

  async #inspect(object: HeldObject, patient: boolean): Promise<Look> {
    const { held, clock, logger, candidates, settings } = this.#dependencies;
    const { digest } = object;
    if (held.get(digest) === undefined) return { state: 'deleted', restored: 0 };
    const ageMs = clock.nowMs() - object.committedMs;
    if (ageMs >= 0 && ageMs < Math.min(settleMs, settings.repairGraceMs)) return { state: 'whole', restored: 0 };
    try {
      const view = await held.layout(digest);
      const subject: Subject = {
        object: held.get(digest) ?? object,
        salt: view.header.salt,
        stripes: { count: view.header.stripes, stripe: (stripe) => view.stripe(stripe) },
      };
      const placement = candidates.forPlacement();
      const dependencies = { ...this.#dependencies, doubts: this.#doubts, sinceMs: this.#sinceMs };
      const census = await takeCensus(dependencies, subject, placement);
      if (census.deletedAt.length > 0 && (await this.#adoptDeletion(object, census))) return { state: 'deleted', restored: 0 };
      const { state, lostSlots } = assess(subject.stripes, subject.object, census);
      if (state === 'whole') await this.#refreshHint(subject, census);
      if (state === 'below' && patient && !this.#takeTurn(subject, census)) return { state, restored: 0 };
      this.#turns.delete(digest);
      if (state !== 'below') return { state, restored: 0 };
      const lost = { subject, view, census, lostSlots, candidates: placement };
      const restored = await restoreLost({ ...dependencies, budget: this.#budget, signal: this.#abort.signal }, lost);
      const after = assess(subject.stripes, held.get(digest) ?? object, await takeCensus(dependencies, subject, placement));
      return { state: held.get(digest) === undefined ? 'deleted' : after.state, restored };
    } catch (error) {
      this.#turns.delete(digest);
      if (this.#abort.signal.aborted || isPangeaError(error, 'STORE_CLOSED')) throw error;
      const known = isPangeaError(error) ? error.code : 'INTERNAL';
      logger.warn({ root: digest, code: known, error: (error as Error).message }, 'an object could not be repaired in this round');
      return { state: held.get(digest) === undefined ? 'deleted' : 'waiting', restored: 0 };
    }
  }

  /** True when this node shall act now. The first sight of a loss sets when that is; by then another may have acted. */
  #takeTurn({ object, salt }: Subject, census: Census): boolean {
    const { calls, clock, random } = this.#dependencies;
    if (!this.#turns.has(object.digest)) {
      const waitMs = turnOf(salt, calls.localPeer, census) * turnStepMs * (0.8 + 0.4 * random.unit());
      this.#turns.set(object.digest, clock.monotonicMs() + waitMs);
    }
    return this.#isMyTurn(object.digest);
  }

  /** A deletion spreads with its proof: the secret in the tombstone. A peer that only claims it is named. */
  async #adoptDeletion(object: HeldObject, census: Census): Promise<boolean> {
    const { calls } = this.#dependencies;
    for (const peer of census.deletedAt) {
      const { reply } = await calls.ask<'get'>(peer, getRequest(object.root, recordKind.tombstone, 0, 0));
      if (reply === undefined) continue;
      try {
        const { secret } = parseTombstone(reply.body.bytes());
        const deleted = await calls.ask<'delete'>(calls.localPeer, { type: 'delete', root: object.root, secret });
        if (deleted.reply !== undefined) return true;
        blame(this.#dependencies, peer, `its tombstone of ${object.digest} does not prove the deletion: ${deleted.failure}`);
      } catch (error) {
        blame(this.#dependencies, peer, `its tombstone of ${object.digest} is not valid: ${(error as Error).message}`);
      } finally {
        reply.body.release();
      }
    }
    return false;
  }

  /** Another holder repaired while its word did not reach this one: the hint follows what was found. */
  async #refreshHint({ object }: Subject, census: Census): Promise<void> {
    const { calls } = this.#dependencies;
    const stale = object.holders.some((peer) => peer === undefined || !(census.answers.has(peer) || census.awaited.has(peer)));
    if (stale) await calls.ask<'layout'>(calls.localPeer, layoutUpdate(object, currentHolders(object, census), 0, 'memory'));
  }
}
