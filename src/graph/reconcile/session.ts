/** One comparison with one peer. Whoever dialled leads: it asks, and lists its souls; the other side answers and finds the differences. */
import type { Clock } from '../../std/std.ts';
import { digestBuckets } from '../data/digest.ts';
import { compareText } from '../data/order.ts';
import type { Delta } from '../data/types.ts';
import type { MeshPeer } from '../dam/dam.ts';
import type { ReconcilePorts } from '../peer/reconciler.ts';
import { bucketsPerGroup, differing, groups, groupSums, wordsOf } from './buckets.ts';
import type { ReconcileLimits } from './limits.ts';
import { isCount, readNodes, readNumbers, readSouls, readSums, readWords, type SoulSum, writeSums } from './messages.ts';
import { NodeSender } from './sender.ts';
import { sweepSouls, sweepSums } from './sweep.ts';
import { Turnstile } from './turnstile.ts';

export interface SessionOptions {
  readonly ports: ReconcilePorts;
  readonly clock: Clock;
  readonly limits: ReconcileLimits;
  readonly peer: MeshPeer;
  readonly number: number;
  readonly leading: boolean;
  /** `same`: there was nothing to do. `healed`: both have what the other had. */
  readonly onEnd: (how: 'same' | 'healed' | 'failed') => void;
}

type Body = Readonly<Record<string, unknown>>;

const empty = '0000000000000000';

export class Session {
  readonly number: number;
  readonly #options: SessionOptions;
  readonly #sender: NodeSender;
  /** Messages of souls that the other side has not compared. */
  readonly #turnstile: Turnstile;
  /**
   * What arrives is dealt with in order, but nodes apart from the rest: a side that waits for room to send must go on
   * taking, or both would wait for each other.
   */
  readonly #chains = { nodes: Promise.resolve(), steps: Promise.resolve() };
  #waiting = 0;
  #own: AsyncGenerator<SoulSum[]> | undefined;
  #ahead: SoulSum[] = [];
  #listed = 0;
  #lastList: number | undefined;
  #received = 0;
  #refused = 0;
  #theyEnded = false;
  #weEnded = false;
  #over = false;
  heardMs: number;

  constructor(options: SessionOptions) {
    const { ports, clock, limits, number } = options;
    this.#options = options;
    this.number = number;
    this.heardMs = clock.monotonicMs();
    this.#turnstile = new Turnstile(limits.window);
    this.#sender = new NodeSender({ replica: ports.replica, clock, limits, send: (at, rows) => this.#say('nodes', { n: at, d: rows }) });
    if (options.leading) this.#say('digest', { r: this.#root() });
  }

  hear(verb: string, body: Body): void {
    if (this.#over) return;
    this.heardMs = this.#options.clock.monotonicMs();
    if (verb === 'took') return this.#check(isCount(body['n'], 2 ** 31) && this.#sender.took(body['n']));
    // The other side keeps to its windows: both kinds of messages, and a few that steer.
    if (++this.#waiting > 2 * this.#options.limits.window + 4) return this.#fail('memory');
    const chain = verb === 'nodes' ? 'nodes' : 'steps';
    this.#chains[chain] = this.#chains[chain].then(async () => {
      if (this.#over) return;
      this.#check(await this.#step(verb, body));
      this.#waiting--;
    }).catch(() => this.end('failed'));
  }

  end(how: 'same' | 'healed' | 'failed'): void {
    if (this.#over) return;
    this.#over = true;
    this.#sender.close();
    this.#turnstile.close();
    void this.#own?.return(undefined);
    this.#options.onEnd(how);
  }

  #step(verb: string, body: Body): boolean | Promise<boolean> {
    if (verb === 'nodes') return this.#take(body);
    if (verb === 'end') return this.#ended();
    if (this.#options.leading) {
      if (verb === 'sums') return this.#compareGroups(body);
      if (verb === 'buckets') return this.#compareBuckets(body);
      return verb === 'diff' && this.#sendWanted(body);
    }
    if (verb === 'digest') return this.#answerDigest(body);
    if (verb === 'groups') return this.#answerGroups(body);
    if (verb === 'begin') return this.#begin(body);
    return verb === 'souls' && this.#compareSouls(body);
  }

  // The side that was dialled

  #answerDigest({ r }: Body): boolean {
    const digest = this.#options.ports.replica.digest();
    if (typeof r !== 'string' || !digest) return false;
    if (r === digest.root) {
      this.#say('sums', { r: digest.root });
      this.end('same');
      return true;
    }
    // Where one side has nothing, the other sends all it has, and nothing needs to be compared.
    const bare = r === empty || digest.root === empty;
    this.#say('sums', bare ? { r: digest.root } : { r: digest.root, w: [...groupSums(digest.buckets)] });
    if (bare) this.#pourOut(digest.root);
    return true;
  }

  #answerGroups({ g }: Body): boolean {
    const asked = readNumbers(g, groups);
    const digest = this.#options.ports.replica.digest();
    if (!asked || !digest) return false;
    this.#say('buckets', { g: asked, w: asked.flatMap((group) => [...wordsOf(digest.buckets, group)]) });
    return true;
  }

  #begin({ b }: Body): boolean {
    const wanted = readNumbers(b, digestBuckets);
    if (!wanted || this.#own) return false;
    const { ports, clock, limits } = this.#options;
    this.#own = sweepSums(ports.replica, clock, flags(wanted), limits.soulsPerMessage);
    return true;
  }

  /** Souls of the leader up to a place in the order; ours up to the same place are compared with them. */
  async #compareSouls({ n, l, last }: Body): Promise<boolean> {
    const theirs = readSums(l, this.#options.limits);
    if (!theirs || !this.#own || n !== this.#listed++ || typeof last !== 'boolean' || (theirs.length === 0 && !last)) return false;
    if (!(await this.#sender.until('room'))) return true;
    const upTo = last ? undefined : (theirs.at(-1) as SoulSum).soul;
    const missing = new Map(theirs.map((sum) => [sum.soul, sum]));
    const want: string[] = [];
    const give: string[] = [];
    for await (const sum of this.#ours(upTo)) {
      const their = missing.get(sum.soul);
      missing.delete(sum.soul);
      if (their?.low === sum.low && their.high === sum.high) continue;
      give.push(sum.soul);
      if (their) want.push(sum.soul);
      if (give.length < this.#options.limits.soulsPerMessage) continue;
      this.#sender.add(give.splice(0));
      if (!(await this.#sender.until('room'))) return true;
    }
    this.#sender.add(give);
    this.#say('diff', { n, w: [...want, ...missing.keys()] });
    if (last) this.#endSending();
    return true;
  }

  async *#ours(upTo: string | undefined): AsyncGenerator<SoulSum> {
    for (;;) {
      while (this.#ahead.length > 0) {
        const list = this.#ahead;
        for (let at = 0; at < list.length; at++) {
          const sum = list[at] as SoulSum;
          if (upTo !== undefined && compareText(sum.soul, upTo) > 0) {
            this.#ahead = list.slice(at);
            return;
          }
          yield sum;
        }
        this.#ahead = [];
      }
      const next = await this.#own?.next();
      if (!next || next.done) return;
      this.#ahead = next.value;
    }
  }

  // The side that leads

  #compareGroups({ r, w }: Body): boolean {
    const digest = this.#options.ports.replica.digest();
    if (typeof r !== 'string' || !digest) return false;
    if (r === digest.root) {
      this.end('same');
      return true;
    }
    if (w === undefined) {
      this.#pourOut(digest.root);
      return true;
    }
    const words = readWords(w, 2 * groups);
    if (!words) return false;
    this.#say('groups', { g: differing(groupSums(digest.buckets), words) });
    return true;
  }

  #compareBuckets({ g, w }: Body): boolean {
    const asked = readNumbers(g, groups);
    const words = asked && readWords(w, asked.length * 2 * bucketsPerGroup);
    const digest = this.#options.ports.replica.digest();
    if (!asked || !words || !digest) return false;
    const wanted = asked.flatMap((group, at) =>
      differing(wordsOf(digest.buckets, group), words.slice(at * 2 * bucketsPerGroup, (at + 1) * 2 * bucketsPerGroup))
        .map((bucket) => group * bucketsPerGroup + bucket));
    this.#say('begin', { b: wanted });
    this.#list(flags(wanted)).catch(() => this.end('failed'));
    return true;
  }

  async #list(wanted: Uint8Array): Promise<void> {
    const { ports, clock, limits } = this.#options;
    let at = 0;
    for await (const sums of sweepSums(ports.replica, clock, wanted, limits.soulsPerMessage)) {
      if (!(await this.#turnstile.enter())) return;
      this.#say('souls', { n: at++, l: writeSums(sums), last: false });
    }
    if (!(await this.#turnstile.enter())) return;
    this.#lastList = at;
    this.#say('souls', { n: at, l: [], last: true });
  }

  async #sendWanted({ n, w }: Body): Promise<boolean> {
    // It may want all that was listed, and has at most that many of its own in answer.
    const souls = readSouls(w, this.#options.limits);
    if (!souls || n !== this.#listed++) return false;
    this.#sender.add(souls);
    if (!(await this.#sender.until('room'))) return true;
    this.#turnstile.leave();
    if (n === this.#lastList) this.#endSending();
    return true;
  }

  // Both

  /** One side is empty: the other sends everything. */
  #pourOut(root: string): void {
    const { ports, clock, limits } = this.#options;
    if (root === empty) return this.#endSending();
    const run = async (): Promise<void> => {
      for await (const souls of sweepSouls(ports.replica, clock, undefined, limits.soulsPerMessage)) {
        if (!(await this.#sender.until('room'))) return;
        this.#sender.add(souls);
      }
      this.#endSending();
    };
    run().catch(() => this.end('failed'));
  }

  async #take({ n, d }: Body): Promise<boolean> {
    const { limits } = this.#options;
    const nodes = readNodes(d, limits);
    if (!nodes || n !== this.#received++) return false;
    const taken = await this.#merge(nodes);
    // One bad node must not keep out the others that came with it.
    for (let at = 0; !taken && nodes.length > 1 && at < nodes.length && this.#refused < limits.refusals; at++) {
      if (!(await this.#merge(nodes.slice(at, at + 1)))) this.#refused++;
    }
    this.#say('took', { n });
    return true;
  }

  /** False when the guard refused. */
  async #merge(nodes: readonly Delta[]): Promise<boolean> {
    const { ports, peer } = this.#options;
    try {
      return (await ports.take(nodes, peer)) !== undefined;
    } catch {
      // More waits for the store than it can hold.
      await ports.replica.flush();
      return (await ports.take(nodes, peer)) !== undefined;
    }
  }

  #endSending(): void {
    void this.#sender.until('idle').then((open) => {
      if (!open) return;
      this.#weEnded = true;
      this.#say('end', {});
      if (this.#theyEnded) this.end('healed');
    });
  }

  #ended(): boolean {
    if (this.#theyEnded) return false;
    this.#theyEnded = true;
    if (this.#weEnded) this.end('healed');
    return true;
  }

  #root(): string {
    return this.#options.ports.replica.digest()?.root ?? '';
  }

  #say(verb: string, body: Body): void {
    if (!this.#over) this.#options.ports.mesh.extension(verb, { s: this.number, ...body }, this.#options.peer);
  }

  #check(good: boolean): void {
    if (!good) this.#fail('structure');
  }

  #fail(violation: 'structure' | 'memory'): void {
    if (this.#over) return;
    this.#options.ports.mesh.fault(this.#options.peer, violation);
    this.end('failed');
  }
}

function flags(places: readonly number[]): Uint8Array {
  const set = new Uint8Array(digestBuckets);
  for (const place of places) set[place] = 1;
  return set;
}
