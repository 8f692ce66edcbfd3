/** One mesh: its members as processes (or pages), the links between them, and what a schedule does to them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Part } from '../../../bench/graph/part.ts';
import { Link } from './link.ts';
import type { Entry, Opening } from './member.ts';
import type { Step } from './schedule.ts';
import type { MemberPlan } from './topologies.ts';

/** A member while it runs. */
export interface Running {
  ask<Reply>(op: string, argument?: unknown, timeoutMs?: number): Promise<Reply>;
  kill(): Promise<void>;
}

/** Makes members that are pages. */
export interface Pages {
  open(name: string): Promise<Running>;
}

const gunProgram = new URL('./gun-member.ts', import.meta.url);
const pangeaProgram = new URL('./pangea-member.ts', import.meta.url);
const askMs = 20_000;
const startMs = 60_000;
const connectMs = 15_000;
/** gun.js tries again after 2 s; who has not found back by then is helped. */
const patienceMs = 2_600;

export class World {
  readonly plan: readonly MemberPlan[];
  /** gun.js that had to be told to connect again. */
  helped = 0;
  readonly #room = mkdtempSync(join(tmpdir(), 'pangea-mesh-'));
  readonly #links = new Map<string, Link>();
  readonly #running = new Map<string, Running>();
  readonly #ports = new Map<string, number>();
  readonly #pages: Pages | undefined;

  private constructor(plan: readonly MemberPlan[], pages: Pages | undefined) {
    this.plan = plan;
    this.#pages = pages;
  }

  static async start(plan: readonly MemberPlan[], pages?: Pages): Promise<World> {
    const world = new World(plan, pages);
    try {
      for (const { name, dials } of plan) {
        for (const to of dials) world.#links.set(`${name} ${to}`, await Link.open(() => world.#ports.get(to)));
      }
      await Promise.all(plan.map(({ name }) => world.#start(name)));
      await world.connected();
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map((running) => running.kill()));
    await Promise.all([...this.#links.values()].map((link) => link.close()));
    rmSync(this.#room, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  async perform(step: Step): Promise<void> {
    if (step.do === 'pause') return sleep(step.ms);
    if ('from' in step) {
      const link = this.#links.get(`${step.from} ${step.to}`);
      if (step.do === 'slow') link?.slow(step.delayMs);
      else if (step.do === 'cut') link?.cut();
      else link?.heal();
      return;
    }
    switch (step.do) {
      case 'kill': return this.#kill(step.member);
      case 'restart': return this.#start(step.member);
      case 'write': return this.#tell(step.member, 'write', step.write);
      case 'watch': return this.#tell(step.member, 'watch', step.soul);
    }
  }

  /** All links whole, all members up, everybody connected. */
  async heal(): Promise<void> {
    for (const link of this.#links.values()) link.heal();
    await Promise.all(this.plan.filter(({ name }) => !this.#running.has(name)).map(({ name }) => this.#start(name)));
    await this.connected();
  }

  /** Waits until who dials has all of its connections. */
  async connected(): Promise<void> {
    const begun = performance.now();
    for (;;) {
      const missing: MemberPlan[] = [];
      await Promise.all(this.plan.filter(({ dials }) => dials.length > 0).map(async (member) => {
        if ((await this.ask<number>(member.name, 'peers')) < this.#expected(member)) missing.push(member);
      }));
      const waited = performance.now() - begun;
      if (missing.length === 0) return;
      if (waited > connectMs) throw new Error(`${missing.map(({ name }) => name).join(', ')} cannot connect`);
      if (waited > patienceMs) {
        for (const { name, runs } of missing.filter(({ runs }) => runs !== 'pangea')) {
          this.helped++;
          await this.ask(name, 'reconnect');
          if (runs === 'gun.js') await sleep(50);
        }
      }
      await sleep(50);
    }
  }

  ask<Reply>(name: string, op: string, argument?: unknown): Promise<Reply> {
    const running = this.#running.get(name);
    if (running === undefined) return Promise.reject(new Error(`${name} is not running`));
    return running.ask(op, argument, askMs);
  }

  async all<Reply>(op: string, argument?: unknown): Promise<Map<string, Reply>> {
    const replies = await Promise.all(this.plan.map(async ({ name }) => [name, await this.ask<Reply>(name, op, argument)] as const));
    return new Map(replies);
  }

  dump(prefix: string): Promise<Map<string, Entry[]>> {
    return this.all<Entry[]>('dump', prefix);
  }

  /** Those whom it dials, and those who dial it: the same wire is one peer on both sides. */
  #expected({ name, dials }: MemberPlan): number {
    return dials.length + this.plan.filter((other) => other.dials.includes(name)).length;
  }

  async #start(name: string): Promise<void> {
    const member = this.plan.find((each) => each.name === name);
    if (member === undefined || this.#running.has(name)) return;
    const running = await this.#run(member);
    this.#running.set(name, running);
    const opening: Opening = {
      peers: member.dials.map((to) => this.#links.get(`${name} ${to}`)?.url ?? ''), relay: member.relay, axe: member.axe === true,
      ...(member.disk ? { directory: join(this.#room, name) } : {}),
    };
    const { port } = await running.ask<{ port: number }>('open', opening, startMs);
    if (member.relay) this.#ports.set(name, port);
  }

  async #run({ name, runs }: MemberPlan): Promise<Running> {
    if (runs !== 'gun.js in Chromium') return new Part(name, runs === 'pangea' ? pangeaProgram : gunProgram, this.#room);
    if (this.#pages === undefined) throw new Error('there is no browser');
    return this.#pages.open(name);
  }

  async #kill(name: string): Promise<void> {
    const running = this.#running.get(name);
    this.#running.delete(name);
    this.#ports.delete(name);
    await running?.kill();
  }

  /** What a member that is down is told, nobody hears. */
  async #tell(name: string, op: string, argument: unknown): Promise<void> {
    if (this.#running.has(name)) await this.ask(name, op, argument);
  }
}
