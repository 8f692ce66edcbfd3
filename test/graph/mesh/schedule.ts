/** What happens in one run, from a seed. Nothing here knows of processes. */
import { seededRandom, type Random } from '../../../src/std/std.ts';
import type { Write } from './member.ts';
import type { MemberPlan } from './topologies.ts';

export type Step =
  | { readonly do: 'write'; readonly member: string; readonly write: Write }
  | { readonly do: 'watch'; readonly member: string; readonly soul: string }
  | { readonly do: 'kill' | 'restart'; readonly member: string }
  | { readonly do: 'cut' | 'heal'; readonly from: string; readonly to: string }
  | { readonly do: 'slow'; readonly from: string; readonly to: string; readonly delayMs: number }
  | { readonly do: 'pause'; readonly ms: number };

export interface Schedule {
  readonly seed: number;
  /** All souls of it begin so, and those of no other. */
  readonly prefix: string;
  readonly souls: readonly string[];
  readonly steps: readonly Step[];
}

const keys = ['a', 'b', 'c', 'ab', '__proto', 'a b', 'ü'] as const;
const values = [1, 2, -1, 0.5, 1e21, true, false, '', 'a', 'a!', 'text with "quotes" and \\', 'ünïcödé \ufb01\u{1f600}', '\n'] as const;
const steps = { least: 14, more: 12 };
/** Writes with one state on several members in a row, and those whose time has not come. */
const aheadMs = 250;

export function makeSchedule(seed: number, members: readonly MemberPlan[], nowMs: number): Schedule {
  const random = seededRandom(seed);
  const prefix = `m${seed}.${nowMs.toString(36)}/`;
  const souls = [`${prefix}one`, `${prefix}two`, `${prefix}one/child`];
  const draft = new Draft(random, prefix, souls, members, nowMs);
  for (const { name } of members) for (const soul of souls) if (random.unit() < 0.5) draft.steps.push({ do: 'watch', member: name, soul });
  const count = steps.least + random.integer(steps.more);
  for (let at = 0; at < count; at++) draft.step();
  return { seed, prefix, souls, steps: draft.steps };
}

class Draft {
  readonly steps: Step[] = [];
  readonly #random: Random;
  readonly #prefix: string;
  readonly #souls: readonly string[];
  readonly #members: readonly MemberPlan[];
  readonly #nowMs: number;
  readonly #down = new Set<string>();
  readonly #cut = new Set<string>();
  #items = 0;

  constructor(random: Random, prefix: string, souls: readonly string[], members: readonly MemberPlan[], nowMs: number) {
    this.#random = random;
    this.#prefix = prefix;
    this.#souls = souls;
    this.#members = members;
    this.#nowMs = nowMs;
  }

  step(): void {
    const draw = this.#random.unit();
    if (draw < 0.62) this.#write();
    else if (draw < 0.69) this.#together();
    else if (draw < 0.76) this.#killOrRestart();
    else if (draw < 0.9) this.#network();
    if (this.#random.unit() < 0.6) this.steps.push({ do: 'pause', ms: this.#random.integer(40) });
  }

  #write(): void {
    const member = this.#one(this.#up());
    const soul = this.#one(this.#souls);
    const draw = this.#random.unit();
    const write: Write = draw < 0.5 ? { kind: 'put', soul, key: this.#one(keys), value: this.#one(values) }
      : draw < 0.62 ? { kind: 'put', soul, key: this.#one(keys), value: null }
      : draw < 0.74 ? { kind: 'node', soul, fields: this.#fields() }
      : draw < 0.84 ? { kind: 'nested', soul, key: 'nested', fields: this.#fields() }
      : draw < 0.94 ? { kind: 'set', soul: `${this.#prefix}set`, item: `${this.#prefix}item${this.#items++}`, fields: this.#fields() }
      : { kind: 'tie', soul, key: this.#one(keys), value: this.#one(values), state: this.#nowMs + aheadMs + this.#random.integer(aheadMs) };
    this.steps.push({ do: 'write', member, write });
  }

  /** One key, several members, nothing in between; sometimes with the same state. */
  #together(): void {
    const [soul, key] = [this.#one(this.#souls), this.#one(keys)];
    const tied = this.#random.unit() < 0.5;
    const state = this.#nowMs - this.#random.integer(1_000);
    for (const member of this.#up()) {
      if (this.#random.unit() < 0.3) continue;
      const value = this.#one(values);
      this.steps.push({ do: 'write', member, write: tied ? { kind: 'tie', soul, key, value, state } : { kind: 'put', soul, key, value } });
    }
  }

  #killOrRestart(): void {
    const member = this.#one(this.#members).name;
    // Somebody has to be there to go on.
    if (!this.#down.has(member) && this.#down.size >= this.#members.length - 2) return;
    this.steps.push({ do: this.#down.has(member) ? 'restart' : 'kill', member });
    if (!this.#down.delete(member)) this.#down.add(member);
  }

  #network(): void {
    const links = this.#members.flatMap(({ name, dials }) => dials.map((to) => ({ from: name, to })));
    const link = this.#one(links);
    const name = `${link.from} ${link.to}`;
    if (this.#random.unit() < 0.3) this.steps.push({ do: 'slow', ...link, delayMs: 20 + this.#random.integer(200) });
    else {
      this.steps.push({ do: this.#cut.has(name) ? 'heal' : 'cut', ...link });
      if (!this.#cut.delete(name)) this.#cut.add(name);
    }
  }

  #up(): string[] {
    return this.#members.map(({ name }) => name).filter((name) => !this.#down.has(name));
  }

  #fields(): Record<string, string | number | boolean> {
    return Object.fromEntries([this.#one(keys), this.#one(keys)].map((key) => [key, this.#one(values)]));
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#random.integer(list.length)] as T;
  }
}
