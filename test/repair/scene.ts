/** A small world with one object on its holders, and the view from outside of who has what. */
import assert from 'node:assert/strict';
import type { RepairReport } from '../../src/objects/objects.ts';
import { isWhole, soundRows } from '../sim/invariants.ts';
import { Content, Ledger, shardKeys, type Acknowledged } from '../sim/ledger.ts';
import type { SimNode } from '../sim/node.ts';
import { minuteMs, World, type WorldOptions } from '../sim/world.ts';

export { minuteMs };

export class Scene {
  readonly world: World;
  readonly ledger: Ledger;
  readonly object: Acknowledged;

  constructor(world: World, ledger: Ledger, object: Acknowledged) {
    this.world = world;
    this.ledger = ledger;
    this.object = object;
  }

  /** An acknowledged object of four stripes unless said otherwise. Background repair does not run unless `background`. */
  static async open(options: Partial<WorldOptions> & { bytes?: number; background?: boolean } = {}): Promise<Scene> {
    const settings = { ...options.settings, ...(options.background === true ? {} : { repairIntervalMs: 1e9 }) };
    const world = await World.open({ seed: 1, nodes: 14, ...options, settings });
    const ledger = new Ledger(world);
    await world.clock.until(ledger.put(world.nodes[0] as SimNode, 'object', new Content(5, options.bytes ?? 1_600_000), 'all'));
    const object = ledger.acknowledged[0];
    assert.ok(object);
    await world.clock.run(2 * minuteMs);
    return new Scene(world, ledger, object);
  }

  /** Machines that have shards of the object, in the order of the world. */
  holders(): readonly SimNode[] {
    return this.world.nodes.filter((node) => node.state !== 'destroyed' && shardKeys(node, this.object.root).length > 0);
  }

  isWhole(): boolean {
    return isWhole(this.world, this.object);
  }

  /** Sound rows of a stripe on machines that are up. */
  rowsOf(stripe: number): number {
    return soundRows(this.world, this.object.root).get(stripe)?.size ?? 0;
  }

  async repairOnce(node: SimNode): Promise<RepairReport> {
    assert.ok(node.objects);
    return this.world.clock.until(node.objects.repairOnce());
  }

  /** Until the grace time is over for whoever went silent now. */
  async passGrace(): Promise<void> {
    await this.world.clock.run(this.world.settings.repairGraceMs + minuteMs);
  }

  async assertReadable(): Promise<void> {
    for (const node of this.world.live) assert.ok(await this.world.clock.until(this.ledger.get(node, this.object)), `${node.name} cannot read`);
  }

  restoredBy(node: SimNode): number {
    return node.metrics.counts.get('pangea_objects_repaired_shards_total') ?? 0;
  }
}
