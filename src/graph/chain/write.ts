import { asPangeaError, PangeaError } from '../../errors/errors.ts';
import { randomId } from '../data/random-id.ts';
import { linkSoul } from '../data/value.ts';
import type { PutAck, PutResult } from '../peer/peer.ts';
import { ownerOf } from '../sea/packed.ts';
import { capture, type Captured } from './capture.ts';
import type { Core } from './core.ts';
import { inMessages } from './messages.ts';
import { plan, type KeysOfChain, type Look, type Plan, type PlanInput } from './plan.ts';
import type { Place } from './position.ts';
import { keysOf, type Path } from './step.ts';

export interface PutOptions {
  /** Acknowledgements of peers to wait for; the callback is called for each of them. Default: none beyond the first. */
  readonly acks?: number;
  /** How long for, in milliseconds. Default 9,000. */
  readonly lack?: number;
  /** GUN's options of this write, e.g. a certificate: `{cert}`. */
  readonly opt?: Readonly<Record<string, unknown>>;
}

/** What a put did: `await chain.put(…)`. */
export interface PutDone {
  /** The node, and the field of it that was written; no key when fields of the node itself were put. */
  readonly soul: string;
  readonly key: string | undefined;
  /** What it survives here: nothing, the end of this process, that of this machine. */
  readonly stored: 'memory' | 'disk' | 'remote';
  /** Peers that acknowledged, if they were waited for. */
  readonly acks: readonly PutAck[];
  /** Fewer peers acknowledged than were asked for. */
  readonly lack: boolean;
}

/** What a put's callback gets, in GUN's form: `err`, or `ok`. */
export interface Ack {
  readonly err: string | undefined;
  readonly ok: unknown;
  readonly '@'?: unknown;
  readonly '#'?: unknown;
  /** `local` or the pid of a peer. */
  readonly from: string;
  readonly stored: PutAck['stored'];
  readonly lack: boolean;
}

export type AckCallback = (ack: Ack) => void;

export interface Write {
  /** Never an unhandled rejection: see `awaited`. */
  readonly done: Promise<PutDone>;
  /** Set when the program waits for `done` and so hears of the error. */
  awaited: boolean;
  /** The chain that leads to what was put. */
  readonly path: Path | undefined;
}

export interface WriteInput {
  readonly path: Path | undefined;
  readonly data: unknown;
  readonly callback: AckCallback | undefined;
  readonly options: PutOptions;
  /** `set` instead of `put`. */
  readonly item: boolean;
  readonly pathOf: (chain: object) => { readonly path: Path | undefined } | undefined;
}

export function write(core: Core, input: WriteInput): Write {
  let resultPath = input.path;
  const run = (): Promise<PutDone> | PutDone => {
    const prepared = prepare(core, input);
    resultPath = prepared.path;
    return perform(core, prepared.plan, input, (chain) => {
      const found = input.pathOf(chain);
      return found && keysOf(found.path);
    });
  };
  let done: Promise<PutDone>;
  try {
    done = Promise.resolve(run());
  } catch (error) {
    done = Promise.reject(asPangeaError(error, 'GRAPH_INVALID'));
  }
  const result: Write = { done, awaited: false, path: resultPath };
  done.catch((error: unknown) => {
    const { message } = asPangeaError(error, 'GRAPH_INVALID');
    if (input.callback) {
      const { callback } = input;
      core.call(() => callback({ err: message, ok: undefined, from: 'local', stored: undefined, lack: false }));
    } else if (!result.awaited) core.log(message);
  });
  return result;
}

/** GUN's made-up souls: the time in base 36, so that they sort by it, and letters by chance. */
export function newSoul(core: Core, length = 12): string {
  return core.peer.nextState().toString(36).replace('.', '') + randomId(core.random, length);
}

function prepare(core: Core, { path, data, item, pathOf }: WriteInput): { readonly plan: PlanInput; readonly path: Path | undefined } {
  const keys = keysOf(path);
  if (!keys) throw new PangeaError('GRAPH_INVALID', 'A chain of many cannot be written to; write to its items.');
  const state = core.peer.nextState();
  const captured = capture(data, keys.join('.'), (x) => pathOf(x) !== undefined);
  if (item) {
    if (keys.length === 0) throw new PangeaError('GRAPH_INVALID', 'The root is no set; get a node first.');
    const fresh = newSoul(core);
    const key = randomId(core.random, 7);
    const soulIn = (set: string): string => ownSoul(core, set, fresh);
    return { plan: { keys, data: captured, state, item: { key, soulIn } }, path: itemPath(captured, { key, soul: soulIn(soulHere(core, keys)) }, path, pathOf) };
  }
  if (keys.length > 0) return { plan: { keys, data: captured, state }, path };
  const named = captured.kind === 'node' ? captured.soul : undefined;
  const soul = named ?? newSoul(core);
  return { plan: { keys: [soul], data: captured, state, fresh: named === undefined }, path: keyPath(undefined, soul) };
}

/** Items of a user's set belong to whoever is logged in, or anybody could write to them; others to nobody. */
function ownSoul(core: Core, set: string, fresh: string): string {
  const owner = ownerOf(set);
  return owner === undefined ? fresh : `${core.owner() ?? `~${owner}`}/${fresh}`;
}

/** Where keys lead as far as it is known without asking. */
function soulHere(core: Core, keys: readonly string[]): string {
  return keys.reduce((soul, key) => linkSoul(core.written({ soul, key })) ?? `${soul}/${key}`);
}

function itemPath(data: Captured, item: { readonly key: string; readonly soul: string }, path: Path | undefined, pathOf: WriteInput['pathOf']): Path | undefined {
  if (data.kind === 'scalar') return keyPath(path, item.key);
  if (data.kind === 'link') return keyPath(undefined, data.soul);
  if (data.kind === 'chain') return pathOf(data.chain)?.path;
  return keyPath(undefined, data.soul ?? item.soul);
}

function keyPath(parent: Path | undefined, key: string): Path {
  return { parent, step: { kind: 'key', key } };
}

/** At once when all links that decide about souls are known; else as soon as they are, after the puts before it. */
function perform(core: Core, input: PlanInput, write: WriteInput, keysOfChain: KeysOfChain): Promise<PutDone> | PutDone {
  const asked = new Set<string>();
  const look: Look = ({ soul, key }) => {
    const was = asked.has(placeId({ soul, key }));
    const value = core.written({ soul, key });
    if (value === undefined && !was && !core.peer.resident(soul)) return { known: false };
    return value === undefined && !was && core.reachable() ? { known: false } : { known: true, value };
  };
  const first = plan(input, look, keysOfChain);
  if (first.unknown.length === 0 && !core.pending) return commit(core, first, write);

  const before = core.pending;
  const endMs = core.clock.monotonicMs() + core.putMs;
  const learnt = async (from: Plan): Promise<Plan> => {
    let now = from;
    while (now.unknown.length > 0) {
      await Promise.all(now.unknown.map((place) => learn(core, place, endMs)));
      for (const place of now.unknown) asked.add(placeId(place));
      now = plan(input, look, keysOfChain);
    }
    return now;
  };
  let committed: Promise<PutDone>;
  const applied = (async () => {
    await learnt(first);
    await before;
    // Puts before this one may have written links since.
    const final = await learnt(plan(input, look, keysOfChain));
    committed = commit(core, final, write);
    // Settled by the caller; here only the order counts.
    committed.catch(() => undefined);
  })();
  core.wait(input.keys[0] as string, applied.then(undefined, () => undefined));
  return applied.then(() => committed);
}

function placeId({ soul, key }: Place): string {
  return `${soul.length}:${soul}${key}`;
}

async function learn(core: Core, place: Place, endMs: number): Promise<void> {
  if (!core.peer.resident(place.soul)) await core.peer.load(place.soul);
  if (core.peer.peek(place.soul)?.has(place.key)) return;
  const leftMs = endMs - core.clock.monotonicMs();
  if (leftMs > 0 && core.reachable()) await core.ask(place, leftMs);
}

function commit(core: Core, { deltas, soul, key }: Plan, { callback, options }: WriteInput): Promise<PutDone> {
  const acks: PutAck[] = [];
  const wished = options.acks ?? 0;
  let told = 0;
  let enough: (() => void) | undefined;
  const peersDone = new Promise<void>((resolve) => (enough = resolve));
  let lack = false;
  const tell = (ack: PutAck): void => {
    // Without a wish for more, the program hears of one: the first that says something about safety.
    if (!callback || (told > 0 && wished === 0)) return;
    told++;
    const { err, ok, from, stored, message } = ack;
    core.call(() => callback({ ...message, err: ack.lack ? 'Error: No ACK yet.' : err, ok, from, stored, lack: ack.lack }));
  };
  if (deltas.length === 0) {
    tell({ from: 'local', stored: undefined, ok: { nothing: 1 }, err: undefined, message: undefined, lack: false });
    return Promise.resolve({ soul, key, stored: 'memory', acks, lack: false });
  }
  const onAck = (ack: PutAck): void => {
    // A refusal here is told once, by the rejection.
    if (ack.from === 'local' && ack.err !== undefined) return;
    if (ack.from !== 'local' && !ack.lack) acks.push(ack);
    if (ack.lack) lack = true;
    if (ack.lack || acks.length >= wished) enough?.();
    // That it is in the memory of this process is worth telling only when nobody else could keep it.
    if (ack.from === 'local' && !ack.lack && ack.stored === 'memory' && core.connected()) return;
    tell(ack);
  };
  const shared = options.opt ? { opt: options.opt } : {};
  const asked = callback || wished > 0 ? { onAck, ...(wished > 0 ? { acks: wished } : {}), ...(options.lack === undefined ? {} : { lackMs: options.lack }) } : {};
  const messages = inMessages(deltas);
  // Peers take messages in order, so what acknowledges the last of them comes after all.
  const puts = core.hub.turn(() => messages.map((message, at) => core.peer.put(message, at === messages.length - 1 ? { ...shared, ...asked } : shared)));
  const put = puts.length === 1 ? (puts[0] as Promise<PutResult>) : Promise.all(puts).then((results) => results.at(-1) as PutResult);
  if (deltas.some((delta) => ownerOf(delta.soul) !== undefined)) core.signed(put, deltas);
  return put.then(async ({ stored }) => {
    if (wished > 0 && acks.length < wished && !lack) await peersDone;
    return { soul, key, stored, acks, lack };
  });
}
