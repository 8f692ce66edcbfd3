import type { Clock, Timer } from '../../std/std.ts';
import type { MeshPeer } from '../dam/dam.ts';
import type { ReconcilePorts, Reconciler } from '../peer/reconciler.ts';
import { reconcileLimits, type ReconcileLimits } from './limits.ts';
import { isCount, readBody } from './messages.ts';
import { Session } from './session.ts';

export interface ReconcilerOptions {
  readonly clock: Clock;
  readonly limits?: Partial<ReconcileLimits>;
}

/**
 * Healing in bulk between relays of ours: what one has and the other has not goes over in large messages, in both
 * directions, when they meet and then from time to time. Live puts go on meanwhile, on the same wire.
 */
export function createReconciler({ clock, limits }: ReconcilerOptions): (ports: ReconcilePorts) => Reconciler {
  return (ports) => new Healing(ports, clock, { ...reconcileLimits, ...limits });
}

/** Of one peer. */
interface Course {
  readonly peer: MeshPeer;
  session: Session | undefined;
  next: number;
  everyMs: number;
  timer: Timer | undefined;
  /** When the other side last began. */
  followedMs: number;
}

class Healing implements Reconciler {
  readonly #ports: ReconcilePorts;
  readonly #clock: Clock;
  readonly #limits: ReconcileLimits;
  readonly #courses = new Map<number, Course>();

  constructor(ports: ReconcilePorts, clock: Clock, limits: ReconcileLimits) {
    this.#ports = ports;
    this.#clock = clock;
    this.#limits = limits;
  }

  hi(peer: MeshPeer): void {
    if (!peer.pangea || !peer.relay) return;
    const course: Course = { peer, session: undefined, next: 1, everyMs: this.#limits.everyMs, timer: undefined, followedMs: Number.NEGATIVE_INFINITY };
    this.#courses.set(peer.id, course);
    if (peer.dialled) this.#lead(course);
  }

  bye(peer: MeshPeer): void {
    const course = this.#courses.get(peer.id);
    if (!course) return;
    this.#courses.delete(peer.id);
    course.timer?.cancel();
    course.session?.end('failed');
  }

  extension(verb: string, body: unknown, from: MeshPeer): void {
    const course = this.#courses.get(from.id);
    const read = readBody(body);
    if (!course || !read) return;
    const number = read['s'];
    if (!isCount(number, 2 ** 31)) return this.#ports.mesh.fault(from, 'structure');
    if (verb === 'digest' && !from.dialled) this.#follow(course, number);
    if (verb === 'wait') return this.#wait(course, number);
    // What is left of a session that is over falls here.
    if (course.session?.number === number) course.session.hear(verb, read);
  }

  close(): void {
    for (const { peer } of this.#courses.values()) this.bye(peer);
  }

  #lead(course: Course): void {
    if (!this.#ports.replica.digest()) return this.#later(course, this.#limits.digestMs, () => this.#lead(course));
    this.#open(course, course.next++, true);
  }

  #follow(course: Course, number: number): void {
    course.session?.end('failed');
    const nowMs = this.#clock.monotonicMs();
    // A beginning is a few bytes, and may set all that we have in motion: not as often as somebody likes.
    const isRested = nowMs - course.followedMs >= this.#limits.digestMs / 2;
    if (isRested) course.followedMs = nowMs;
    if (isRested && this.#ports.replica.digest()) this.#open(course, number, false);
    else this.#ports.mesh.extension('wait', { s: number }, course.peer);
  }

  /** The other side is still counting. */
  #wait(course: Course, number: number): void {
    if (course.session?.number !== number || !course.peer.dialled) return;
    course.session.end('failed');
    course.everyMs = this.#limits.everyMs;
    this.#later(course, this.#limits.digestMs, () => this.#lead(course));
  }

  #open(course: Course, number: number, leading: boolean): void {
    const session: Session = new Session({
      ports: this.#ports, clock: this.#clock, limits: this.#limits, peer: course.peer, number, leading,
      onEnd: (how) => {
        if (course.session === session) course.session = undefined;
        if (this.#courses.get(course.peer.id) !== course) return;
        course.timer?.cancel();
        // What does not help is not tried as often: the guard of one side may refuse what the other holds.
        course.everyMs = how === 'same' ? this.#limits.everyMs : Math.min(this.#limits.atMostMs, course.everyMs * 2);
        if (leading) this.#later(course, course.everyMs, () => this.#lead(course));
      },
    });
    course.session = session;
    this.#watch(course, session);
  }

  /** Ends a session with a peer that has gone quiet. */
  #watch(course: Course, session: Session): void {
    this.#later(course, this.#limits.silentMs, () => {
      if (course.session !== session) return;
      if (this.#clock.monotonicMs() - session.heardMs >= this.#limits.silentMs) session.end('failed');
      else this.#watch(course, session);
    });
  }

  #later(course: Course, ms: number, run: () => void): void {
    course.timer?.cancel();
    course.timer = this.#clock.after(ms, run);
  }
}
