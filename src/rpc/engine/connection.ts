/** One connection over either variant: records become calls on servants, outcomes become commands. */
import type { Message } from 'capnp-es';
import { asPangeaError, PangeaError } from '../../errors/errors.ts';
import { setTable, tableOf } from './capabilities.ts';
import type { Answered, Capability, ConnectionOptions, EngineConnection, EngineCounts, Outcome, RemoteCapability, Servant } from './engine.ts';
import { exceptionOf, refusal, unreachable } from './failure.ts';
import { Incoming } from './incoming.ts';
import { finished } from './message.ts';
import { kinds, roomBytes, statusBytes, type OpenPort, type Port } from './port.ts';
import { Records } from './records.ts';
import { Remote, type Caller } from './remote.ts';
import { Servants, type Held } from './servants.ts';

/** Longer messages stay here, and are sent from where they lie. */
const inlineBytes = 16 * 1024;
const noCapabilities = new Int32Array(0);
/** One for all connections of the thread: what it holds is copied out before anything else can run. */
const room = new Uint8Array(roomBytes);
const status = new Uint32Array(room.buffer, 0, statusBytes / 4);

interface Pending {
  resolve(answer: Answered): void;
  reject(error: unknown): void;
}

export class Connection implements EngineConnection, Caller {
  readonly #options: ConnectionOptions;
  readonly #servants = new Servants();
  readonly #calls = new Map<number, Incoming>();
  readonly #pending = new Map<number, Pending>();
  /** Messages that the output has gaps for, by handle. */
  readonly #bodies = new Map<number, Uint8Array>();
  readonly #resumed: (() => void)[] = [];
  #port: Port | undefined;
  #splices: { readonly at: number; readonly handle: number }[] = [];
  #isPaused = false;
  #isPumping = false;
  #isScheduled = false;
  #number = 0;

  constructor(open: OpenPort, options: ConnectionOptions) {
    this.#options = options;
    this.#servants.send(options.bootstrap);
    this.#port = open(options.limits);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  onResumed(listener: () => void): void {
    this.#resumed.push(listener);
  }

  receive(bytes: Uint8Array): void {
    this.#port?.receive(bytes);
    this.#pump();
  }

  bootstrap(): RemoteCapability {
    const handle = this.#port?.bootstrap() ?? 0;
    this.#schedule();
    return new Remote(this, handle);
  }

  counts(): EngineCounts {
    return this.#port?.counts() ?? { unansweredCalls: 0, exported: 0, imported: 0, memoryBytes: 0 };
  }

  close(): void {
    const port = this.#port;
    if (port === undefined) return;
    port.close();
    port.settle(room);
    this.#flush(port, status[1] ?? 0);
    this.#finish();
  }

  ask(target: number, interfaceId: bigint, methodId: number, params: Message, capabilities?: readonly (Capability | undefined)[]): Promise<Answered> {
    const port = this.#port;
    if (port === undefined) return Promise.reject(unreachable());
    return new Promise((resolve, reject) => {
      const question = this.#next();
      const { head, bytes, handle, table } = this.#outgoing(params, capabilities ?? tableOf(params));
      this.#pending.set(question, { resolve, reject });
      port.call(question, target, Number(interfaceId & 0xffff_ffffn), Number(interfaceId >> 32n), methodId, head, bytes, handle, table);
      this.#schedule();
    });
  }

  letGo(target: number): void {
    this.#port?.release(target);
    this.#schedule();
  }

  /** Once all that runs now has run, so that many answers leave together. */
  #schedule(): void {
    if (this.#isPumping || this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  /** Does what the engine has for us until there is nothing more, then sends. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#port !== undefined && this.#round(this.#port));
    } finally {
      this.#isPumping = false;
      this.#bodies.clear();
    }
  }

  #round(port: Port): boolean {
    port.settle(room);
    const [recordBytes = 0, outputBytes = 0, paused = 0, over = 0] = status;
    if (recordBytes > 0) {
      this.#perform(new Records(room.buffer.slice(statusBytes, statusBytes + recordBytes), (handle) => port.takeMessage(handle)));
      return true;
    }
    this.#flush(port, outputBytes);
    // Whoever got it may have answered already.
    if (outputBytes > 0 && over === 0) return true;
    if (over !== 0) {
      this.#end(over === 2 ? 'PROTOCOL: the engine could not go on with what the remote sent' : '');
      return false;
    }
    const resumed = this.#isPaused && paused === 0;
    this.#isPaused = paused !== 0;
    if (resumed) for (const listener of this.#resumed) listener();
    return false;
  }

  #perform(records: Records): void {
    for (let kind = records.next(); kind !== 0 && this.#port !== undefined; kind = records.next()) {
      if (kind === kinds.call) this.#called(records);
      else if (kind === kinds.cancel) this.#cancelled(records.word());
      else if (kind === kinds.returned) this.#answered(records);
      else if (kind === kinds.failed) this.#refused(records.word(), records.word(), records.text());
      else if (kind === kinds.dropped) this.#servants.drop(records.word(), records.word());
      else if (kind === kinds.splice) this.#splices.push({ at: records.word(), handle: records.word() });
      else if (kind === kinds.ended) this.#leave(records.text());
    }
  }

  #called(records: Records): void {
    const id = records.word();
    const held = this.#servants.get(records.word());
    const low = records.word();
    const interfaceId = (BigInt(records.word()) << 32n) | BigInt(low);
    const methodId = records.word();
    const capabilities = this.#capabilities(records.capabilities());
    const call = new Incoming(id, interfaceId, methodId, records.message(), capabilities);
    if (held === undefined) throw new PangeaError('INTERNAL', 'a call on a servant that was dropped');
    this.#calls.set(id, call);
    if (held.waiting === undefined) this.#begin(held, call);
    else held.waiting.push(call);
  }

  #begin(held: Held, call: Incoming): void {
    if (held.broken !== undefined) return this.#fail(call, held.broken.error);
    const { servant } = held;
    const streams = servant.isStreaming?.(call.interfaceId, call.methodId) === true;
    if (streams) held.waiting ??= [];
    let outcome: Promise<Outcome> | Outcome;
    try {
      outcome = servant.dispatch(call);
    } catch (error) {
      return this.#settle(held, call, streams, { error });
    }
    if (outcome instanceof Promise) {
      outcome.then((value) => this.#settle(held, call, streams, value), (error: unknown) => this.#settle(held, call, streams, { error }));
    } else {
      this.#settle(held, call, streams, outcome);
    }
  }

  #settle(held: Held, call: Incoming, streams: boolean, outcome: Outcome | { readonly error: unknown }): void {
    if ('error' in outcome) {
      if (streams) held.broken = { error: outcome.error };
      this.#fail(call, outcome.error);
    } else {
      this.#answer(call, outcome);
    }
    if (streams) this.#goOn(held);
  }

  /** Begins what waited for a streaming call, up to the next such. */
  #goOn(held: Held): void {
    const waiting = held.waiting ?? [];
    held.waiting = undefined;
    while (waiting.length > 0 && held.waiting === undefined) {
      const call = waiting.shift();
      if (call !== undefined && !call.isCancelled) this.#begin(held, call);
    }
    // A streaming call that began holds back the rest, before anything that came meanwhile.
    if (waiting.length > 0) (held.waiting as Incoming[] | undefined)?.unshift(...waiting);
  }

  #answer(call: Incoming, outcome: Outcome): void {
    const capabilities = outcome.capabilities ?? tableOf(outcome.results);
    if (this.#calls.delete(call.id)) {
      try {
        const { head, bytes, handle, table } = this.#outgoing(outcome.results, capabilities);
        this.#port?.answer(call.id, head, bytes, handle, table);
      } catch (error) {
        const { type, reason } = exceptionOf(error);
        this.#port?.throw(call.id, type, reason);
        this.#servants.forgo(capabilities);
      }
    } else {
      this.#servants.forgo(capabilities);
    }
    call.end();
    this.#schedule();
  }

  #fail(call: Incoming, error: unknown): void {
    if (this.#calls.delete(call.id)) {
      const { type, reason } = exceptionOf(error);
      if (reason.startsWith('INTERNAL')) this.#options.fault?.(error);
      this.#port?.throw(call.id, type, reason);
    }
    call.end();
    this.#schedule();
  }

  #cancelled(id: number): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.cancel();
  }

  #answered(records: Records): void {
    const question = records.word();
    const capabilities = this.#capabilities(records.capabilities());
    const results = records.message();
    setTable(results, capabilities);
    const pending = this.#pending.get(question);
    this.#pending.delete(question);
    pending?.resolve({ results, capabilities });
  }

  #refused(question: number, type: number, reason: string): void {
    const pending = this.#pending.get(question);
    this.#pending.delete(question);
    pending?.reject(refusal(type, reason));
  }

  #capabilities(numbers: readonly number[]): (Capability | undefined)[] {
    return numbers.map((number) => (number === 0 ? undefined : number > 0 ? new Remote(this, number) : this.#servants.get(-1 - number)?.servant));
  }

  #outgoing(message: Message, capabilities: readonly (Capability | undefined)[]): { readonly head: Uint8Array; readonly bytes: number; readonly handle: number; readonly table: Int32Array } {
    const bytes = finished(message);
    if (bytes.length > this.#options.limits.messageBytes) throw new PangeaError('TOO_LARGE', `a message of ${bytes.length} bytes is beyond the limit`);
    if (capabilities.length > 0) return { head: bytes, bytes: bytes.length, handle: 0, table: Int32Array.from(capabilities, (capability) => this.#numberOf(capability)) };
    if (bytes.length <= inlineBytes) return { head: bytes, bytes: bytes.length, handle: 0, table: noCapabilities };
    const handle = this.#next();
    this.#bodies.set(handle, bytes);
    return { head: bytes.subarray(0, 8), bytes: bytes.length, handle, table: noCapabilities };
  }

  #numberOf(capability: Capability | undefined): number {
    if (capability === undefined) return 0;
    if (!(capability instanceof Remote)) return -1 - this.#servants.send(capability as Servant);
    if (capability.caller !== this) throw new PangeaError('NOT_SUPPORTED', 'a capability cannot be handed on to another connection');
    return capability.handle;
  }

  #next(): number {
    this.#number = (this.#number % 0x7fff_fffe) + 1;
    return this.#number;
  }

  #flush(port: Port, outputBytes: number): void {
    if (outputBytes === 0) return;
    const output = new Uint8Array(outputBytes);
    port.takeOutput(output);
    let start = 0;
    for (const { at, handle } of this.#splices.splice(0)) {
      const body = this.#bodies.get(handle);
      if (body === undefined) throw new PangeaError('INTERNAL', 'a gap in the output for a message that is gone');
      if (at > start) this.#options.send(output.subarray(start, at));
      this.#options.send(body);
      start = at;
    }
    if (start < outputBytes) this.#options.send(start === 0 ? output : output.subarray(start));
  }

  #leave(reason: string): void {
    const port = this.#port;
    if (port === undefined) return;
    port.settle(room);
    this.#flush(port, status[1] ?? 0);
    this.#end(reason);
  }

  #end(reason: string): void {
    this.#finish();
    this.#options.ended(reason === '' ? undefined : asPangeaError(new Error(reason), 'PROTOCOL'));
  }

  #finish(): void {
    this.#port = undefined;
    this.#isPaused = false;
    for (const call of this.#calls.values()) call.cancel();
    this.#calls.clear();
    for (const { reject } of this.#pending.values()) reject(unreachable());
    this.#pending.clear();
    this.#bodies.clear();
    this.#servants.dropAll();
  }
}
