/** What may happen to the world, and how often. Every choice is drawn from the world's seed. */
import type { AckLevel } from '../../src/objects/objects.ts';
import type { Random } from '../../src/std/std.ts';
import { recordKind } from '../../src/store/store.ts';
import { Content, type Acknowledged, type Ledger } from './ledger.ts';
import { minuteMs, type World } from './world.ts';

/** Machines that may be away at one time, and lost for good in all. */
const maxDown = 4;
const maxDestroyed = 2;
const maxNodes = 18;

export class Chaos {
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #failures: unknown[] = [];
  #objects = 0;
  #partitioned = false;

  constructor(world: World, ledger: Ledger) {
    this.#world = world;
    this.#ledger = ledger;
    this.#random = world.child();
  }

  /** Lets things happen for `ms`, about one every `everyMs`, and checks after each. */
  async run(ms: number, everyMs: number, afterEach: () => void): Promise<void> {
    const endMs = this.#world.clock.monotonicMs() + ms;
    while (this.#world.clock.monotonicMs() < endMs) {
      await this.#step();
      await this.#world.clock.run(everyMs * 2 * this.#random.unit());
      this.check();
      afterEach();
    }
  }

  /** Everything that can come back comes back, but for one machine that often is lost in the last moment: its rows are repair's. */
  async end(): Promise<void> {
    const { network, nodes, trace } = this.#world;
    trace.add('chaos ends');
    this.#destroy();
    network.heal();
    network.setLossRate(0);
    for (const node of nodes) {
      network.corrupt(node.peer, 0);
      node.store.setQuota(Number.MAX_SAFE_INTEGER);
      if (node.state === 'down') await this.#world.startNode(node);
    }
    this.check();
  }

  /** Rethrows what went wrong in transfers that nobody waits for. */
  check(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  async #step(): Promise<void> {
    const table: readonly (readonly [number, () => void | Promise<void>])[] = [
      [10, () => this.#put()],
      [10, () => this.#get()],
      [4, () => this.#crash()],
      [1, () => this.#destroy()],
      [2, () => this.#partition()],
      [2, () => this.#lose()],
      [2, () => this.#corrupt()],
      [2, () => this.#damage()],
      [1, () => this.#fill()],
      [1, () => this.#join()],
      [1, () => this.#remove()],
    ];
    let at = this.#random.integer(table.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, happen] of table) {
      if (at < weight) return happen();
      at -= weight;
    }
  }

  #put(): void {
    const node = this.#pick(this.#world.live);
    const ack = this.#pick<AckLevel>(['all', 'all', 'all', 'all', 'some', 'memory']);
    const limit = this.#pick([1, 1_000, 50_000, 530_000, 800_000, 1_600_000]);
    const content = new Content(this.#random.integer(2 ** 32), this.#random.integer(limit + 1));
    this.#watch(this.#ledger.put(node, `o${this.#objects++}`, content, ack));
  }

  #get(): void {
    const object: Acknowledged | undefined = this.#pick(this.#ledger.acknowledged);
    if (object === undefined) return;
    const { bytes } = object.content;
    const offset = this.#random.integer(bytes + 1);
    const range = this.#random.unit() < 0.3 ? { offset, length: this.#random.integer(bytes - offset + 1) } : undefined;
    const node = this.#pick(this.#world.live);
    this.#watch(object.state === 'stored' ? this.#ledger.get(node, object, range) : this.#ledger.get(node, object));
  }

  #crash(): void {
    const { nodes, trace, clock } = this.#world;
    if (nodes.filter(({ state }) => state === 'down').length >= maxDown) return;
    const node = this.#pick(this.#world.live);
    const awayMs = this.#random.unit() < 0.6 ? this.#random.integer(minuteMs) : this.#world.settings.repairGraceMs + this.#random.integer(5 * minuteMs);
    trace.add(`crash ${node.name} for ${awayMs} ms`);
    node.crash();
    clock.after(awayMs, () => {
      if (node.state !== 'down') return;
      trace.add(`restart ${node.name}`);
      this.#watch(this.#world.restart(node));
    });
  }

  #destroy(): void {
    const { nodes, trace } = this.#world;
    if (nodes.filter(({ state }) => state === 'destroyed').length >= maxDestroyed) return;
    const node = this.#pick(nodes.filter(({ state }) => state !== 'destroyed'));
    trace.add(`destroy ${node.name}`);
    node.destroy();
  }

  #partition(): void {
    if (this.#partitioned) return;
    const { network, nodes, trace, clock } = this.#world;
    this.#partitioned = true;
    const cut = nodes.filter(() => this.#random.unit() < 0.3);
    const forMs = this.#random.integer(3 * minuteMs);
    trace.add(`partition ${cut.map(({ name }) => name).join(' ')} for ${forMs} ms`);
    network.partition([cut.map(({ peer }) => peer)]);
    clock.after(forMs, () => {
      trace.add('partition heals');
      this.#partitioned = false;
      network.heal();
    });
  }

  #lose(): void {
    const { network, trace, clock } = this.#world;
    const rate = 0.08 * this.#random.unit();
    trace.add(`loss ${rate.toFixed(3)}`);
    network.setLossRate(rate);
    clock.after(this.#random.integer(2 * minuteMs), () => network.setLossRate(0));
  }

  #corrupt(): void {
    const { network, trace, clock } = this.#world;
    const node = this.#pick(this.#world.nodes);
    const rate = this.#pick([0.05, 0.3, 1]);
    trace.add(`corrupt ${node.name} ${rate}`);
    network.corrupt(node.peer, rate);
    clock.after(this.#random.integer(4 * minuteMs), () => network.corrupt(node.peer, 0));
  }

  /** A disk that loses bytes: some shards of one machine. */
  #damage(): void {
    const node = this.#pick(this.#world.nodes.filter(({ state }) => state !== 'destroyed'));
    const keys = node.store.objects(recordKind.shard).flatMap((object) => node.store.records(object).map(({ key }) => key)).filter(({ kind }) => kind === recordKind.shard);
    for (let count = this.#random.integer(3); count >= 0 && keys.length > 0; count--) {
      const key = this.#pick(keys);
      this.#world.trace.add(`damage ${node.name} ${key.stripe}/${key.row}`);
      node.store.damage(key);
    }
  }

  #fill(): void {
    const { trace, clock } = this.#world;
    const node = this.#pick(this.#world.nodes);
    trace.add(`disk of ${node.name} full`);
    node.store.setQuota(node.store.usage().liveBytes);
    clock.after(this.#random.integer(5 * minuteMs), () => node.store.setQuota(Number.MAX_SAFE_INTEGER));
  }

  async #join(): Promise<void> {
    if (this.#world.nodes.length >= maxNodes) return;
    this.#world.trace.add(`join n${this.#world.nodes.length}`);
    await this.#world.addNode();
  }

  #remove(): void {
    const object: Acknowledged | undefined = this.#pick(this.#ledger.acknowledged.filter(({ state }) => state === 'stored'));
    if (object !== undefined) this.#watch(this.#ledger.remove(this.#pick(this.#world.live), object));
  }

  #watch(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#failures.push(error));
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.integer(from.length)] as T;
  }
}
