/** One pair of nodes behind their routers: how they get to each other, and how long it takes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ConnectionPath, NatReport } from '../../src/host/host.ts';
import { type NatKind, NatTopology, type Place } from './nat.ts';

export interface NatCase {
  readonly a: NatKind;
  readonly b: NatKind;
  readonly transport: 'tcp' | 'quic';
  readonly path: ConnectionPath | 'failed';
  /** Until b's dial of a was answered; next to nothing where the DHT had brought the two together before. */
  readonly connectedMs: number;
  /** From the relayed to the direct connection. */
  readonly punchedMs: number | undefined;
  readonly reports: { readonly a: NatReport; readonly b: NatReport };
  /** Why, where there is no direct way. */
  readonly detail: string;
}

interface State {
  readonly addresses: readonly string[];
  readonly path?: ConnectionPath;
  readonly nat: NatReport;
}

/** Three attempts of DCUtR at ten seconds each, and some. */
const settleMs = 45_000;

export class NatPeer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  peer = '';

  constructor(topology: NatTopology, place: Place, options: readonly string[]) {
    const [command = '', ...inside] = topology.inside(place);
    const program = fileURLToPath(new URL('nat-peer.ts', import.meta.url));
    this.#child = spawn(command, [...inside, process.execPath, program, ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  async ready(): Promise<this> {
    this.peer = ((await this.#answer()) as { peer: string }).peer;
    return this;
  }

  async ask<T>(command: Readonly<Record<string, unknown>>): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    const answer = (await this.#answer()) as { done?: T; failed?: string };
    if (answer.failed !== undefined) throw new Error(answer.failed);
    return answer.done as T;
  }

  state(peer?: string): Promise<State> {
    return this.ask({ do: 'report', ...(peer ? { peer } : {}) });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the peer ended');
    return JSON.parse(value as string);
  }
}

/** `also` runs while the two are connected, for what else is to be tried on the way that was found. */
export async function runNatCase(
  a: NatKind, b: NatKind, transport: 'tcp' | 'quic', also?: (from: NatPeer, to: NatPeer) => Promise<void>, waitMs = settleMs,
): Promise<NatCase> {
  const topology = new NatTopology(a, b);
  const peers: NatPeer[] = [];
  const start = (place: Place, ...options: readonly string[]): Promise<NatPeer> => {
    const listen = transport === 'tcp' ? `/ip4/${topology.addresses[place]}/tcp/9091` : `/ip4/${topology.addresses[place]}/udp/9091/quic-v1`;
    const peer = new NatPeer(topology, place, ['--listen', listen, ...options]);
    peers.push(peer);
    return peer.ready();
  };
  try {
    const relay = await start('relay', '--carry');
    const [relayAddress = ''] = (await relay.state()).addresses;
    const left = await start('a', '--relay', relayAddress);
    await until(async () => (await left.state()).nat.relays.some(({ state }) => state === 'reserved'), 'a has a place at the relay');
    const right = await start('b', '--relay', relayAddress);
    await until(async () => (await right.state()).nat.observed.length > 0, 'b knows how it is seen');
    const began = performance.now();
    const direct = `${(await left.state()).addresses[0]}`;
    // As a node would: the address that the other names first, then the way through the relay.
    const dialled = a === 'open'
      ? right.ask({ do: 'dial', address: direct })
      : right.ask({ do: 'dial', address: `${relayAddress}/p2p-circuit/p2p/${left.peer}` });
    const failure = await dialled.then(() => undefined, (error: Error) => error.message);
    const connectedMs = performance.now() - began;
    let state = await right.state(left.peer);
    const settled = async (): Promise<boolean> => {
      state = await right.state(left.peer);
      return state.path === 'direct' || state.path === 'punched' || state.nat.punches.some(({ peer }) => peer === left.peer);
    };
    if (failure === undefined) await until(settled, 'the attempt to get a direct way is over', waitMs).catch(() => undefined);
    const other = await left.state(right.peer);
    const punch = [...state.nat.punches, ...other.nat.punches].find(({ ok }) => ok);
    const failed = [...other.nat.punches, ...state.nat.punches].find(({ ok }) => !ok);
    if (state.path !== undefined) await also?.(right, left);
    return {
      a, b, transport, path: state.path ?? 'failed', connectedMs, punchedMs: punch?.tookMs,
      reports: { a: other.nat, b: state.nat }, detail: failure ?? (punch ? punch.detail : failed?.detail ?? ''),
    };
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()));
    topology.remove();
  }
}

export async function until(condition: () => Promise<boolean>, what: string, withinMs = 30_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(50);
  }
}
