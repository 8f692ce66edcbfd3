/** The object that `programs/probe.capnp` describes, and messages for it, without generated code. */
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ListElementSize, Message, ObjectSize, Struct, utils, type Data } from 'capnp-es';
import { PangeaError } from '../../../src/errors/errors.ts';
import { capabilityAt, setCapability, tableOf } from '../../../src/rpc/engine/capabilities.ts';
import type { Answered, Capability, Engine, EngineConnection, EngineLimits, IncomingCall, Outcome, RemoteCapability, Servant } from '../../../src/rpc/engine/engine.ts';
import { limits as surface } from '../../../src/rpc/rpc.ts';

export const probeId = 0xae6016dc7bc3c416n;
export const listenerId = 0xf0536379e58c16e7n;
export const limits: EngineLimits = { ...surface, memoryBytes: surface.connectionMemoryBytes };

/** As wide as the widest struct of the schema: four numbers, one pointer. */
class Wide extends Struct {
  static override readonly _capnp = { displayName: 'Wide', id: '0', size: new ObjectSize(32, 1) };
}

export interface Fields {
  readonly number?: bigint;
  readonly numbers?: readonly bigint[];
  readonly bytes?: Uint8Array;
  readonly text?: string;
  readonly capability?: Capability;
  readonly list?: readonly Capability[];
}

export function write(fields: Fields): Message {
  const message = new Message();
  const root = message.initRoot(Wide);
  for (const [index, number] of (fields.numbers ?? [fields.number ?? 0n]).entries()) utils.setUint64(index * 8, number, root);
  if (fields.bytes !== undefined) utils.initData(0, fields.bytes.length, root).copyBuffer(fields.bytes);
  if (fields.text !== undefined) utils.setText(0, fields.text, root);
  if (fields.capability !== undefined) setCapability(root, 0, fields.capability);
  if (fields.list !== undefined) {
    const pointer = utils.getPointer(0, root);
    const content = pointer.segment.allocate(fields.list.length * 8);
    const place = utils.initPointer(content.segment, content.byteOffset, pointer);
    utils.setListPointer(place.offsetWords, ListElementSize.POINTER, fields.list.length, place.pointer);
    for (const [index, capability] of fields.list.entries()) {
      content.segment.setUint32(content.byteOffset + index * 8, 3);
      content.segment.setUint32(content.byteOffset + index * 8 + 4, message.addCap(capability as never));
    }
  }
  return message;
}

const root = (message: Message): Struct => message.getRoot(Wide);
export const numberOf = (message: Message, index = 0): bigint => utils.getUint64(index * 8, root(message));
export const dataOf = (message: Message): Data => utils.getData(0, root(message));
export const bytesOf = (message: Message): Uint8Array => dataOf(message).toUint8Array();
export const textOf = (message: Message): string => utils.getText(0, root(message));
export const childOf = (message: Message): RemoteCapability => capabilityAt(root(message), 0) as RemoteCapability;

export const ask = (target: RemoteCapability, method: number, fields: Fields = {}): Promise<Answered> => target.call(probeId, method, write(fields));

export class Probe implements Servant {
  readonly dropped = (): void => {
    this.droppedTimes += 1;
  };
  droppedTimes = 0;
  cancelled = 0;
  readonly children: Probe[] = [];
  /** Numbers that `write` brought, in the order in which they began. */
  readonly order: bigint[] = [];
  running = 0;
  mostRunning = 0;
  readonly #held: RemoteCapability[] = [];
  connection: EngineConnection | undefined;

  isStreaming(_interfaceId: bigint, method: number): boolean {
    return method === 5;
  }

  dispatch(call: IncomingCall): Outcome | Promise<Outcome> {
    if (call.interfaceId !== probeId) throw new PangeaError('NOT_SUPPORTED', 'no such interface');
    const number = call.methodId === 2 || call.methodId === 8 ? 0n : numberOf(call.params);
    switch (call.methodId) {
      case 0: return { results: write({ number, bytes: bytesOf(call.params) }) };
      case 1: return this.#slowChild(Math.min(Number(number), 1000));
      case 2: return this.#hold(call);
      case 3: return this.#fire(number);
      case 4: throw number === 0n ? new PangeaError('DENIED', textOf(call.params)) : new Error('a secret of the node');
      case 5: return this.#write(number);
      case 6: return { results: write({ numbers: [BigInt(this.order.length), this.order.every((each, index) => each === BigInt(index)) ? 1n : 0n] }) };
      case 7: return this.#never(call.signal);
      case 8: return this.#drop();
      case 9: return this.#counts();
      case 10: return { results: write({ number: tableOf(call.params)[0] === this ? 1n : 0n }) };
      default: throw new PangeaError('NOT_SUPPORTED', `no method ${call.methodId}`);
    }
  }

  async #slowChild(milliseconds: number): Promise<Outcome> {
    if (milliseconds > 0) await sleep(milliseconds);
    const child = new Probe();
    child.connection = this.connection;
    this.children.push(child);
    return { results: write({ capability: child }) };
  }

  #hold(call: IncomingCall): Outcome {
    for (const capability of call.capabilities) {
      if (capability === undefined || !('keep' in capability)) throw new PangeaError('PROTOCOL', 'not a listener');
      capability.keep();
      this.#held.push(capability);
    }
    return { results: write({}) };
  }

  #fire(number: bigint): Outcome {
    for (const listener of this.#held) setImmediate(() => void listener.call(listenerId, 0, write({ number })).catch(() => undefined));
    return { results: write({ number }) };
  }

  async #write(number: bigint): Promise<Outcome> {
    this.order.push(number);
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    await sleep(0);
    this.running -= 1;
    if (number === 1000n) throw new PangeaError('STORE_FULL', 'no room');
    return { results: write({}) };
  }

  #never(signal: AbortSignal): Promise<Outcome> {
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        this.cancelled += 1;
        reject(new PangeaError('ABORTED', 'given up'));
      });
    });
  }

  #drop(): Outcome {
    for (const listener of this.#held.splice(0)) listener.release();
    return { results: write({}) };
  }

  #counts(): Outcome {
    const { unansweredCalls, exported, imported } = this.connection?.counts() ?? { unansweredCalls: 0, exported: 0, imported: 0 };
    return { results: write({ numbers: [BigInt(unansweredCalls), BigInt(exported), BigInt(imported), BigInt(this.cancelled)] }) };
  }
}

/** A connection without anybody on the other side. */
export function alone(engine: Engine, own: Partial<EngineLimits> = {}, ended: (reason: Error | undefined) => void = () => undefined): { readonly server: EngineConnection; readonly probe: Probe; readonly output: Uint8Array[] } {
  const probe = new Probe();
  const output: Uint8Array[] = [];
  const server = engine.connect({ bootstrap: probe, limits: { ...limits, ...own }, send: (bytes) => void output.push(bytes), ended });
  probe.connection = server;
  return { server, probe, output };
}

export interface Pair {
  readonly server: EngineConnection;
  readonly client: EngineConnection;
  readonly probe: Probe;
  /** What the client gives first. */
  readonly clientProbe: Probe;
  readonly root: RemoteCapability;
  readonly ends: { server?: Error | 'goodbye'; client?: Error | 'goodbye' };
  /** All that went to the server, as it was cut. */
  readonly sent: Uint8Array[];
}

/** Two connections, each the other's network. */
export function pair(engine: Engine, own: Partial<EngineLimits> = {}, other: Engine = engine): Pair {
  const probe = new Probe();
  const clientProbe = new Probe();
  const ends: Pair['ends'] = {};
  const sent: Uint8Array[] = [];
  let open = true;
  // What a socket would keep while nobody reads it.
  const unread: Uint8Array[] = [];
  const deliver = (): void => {
    while (!server.isPaused && unread.length > 0) server.receive(unread.shift() ?? new Uint8Array(0));
  };
  const server = engine.connect({
    bootstrap: probe,
    limits: { ...limits, ...own },
    send: (bytes) => open && client.receive(bytes),
    ended: (reason) => {
      ends.server = reason ?? 'goodbye';
    },
  });
  const client: EngineConnection = other.connect({
    bootstrap: clientProbe,
    limits,
    send: (bytes) => {
      sent.push(bytes.slice());
      unread.push(bytes);
      deliver();
    },
    ended: (reason) => {
      ends.client = reason ?? 'goodbye';
      open = false;
    },
  });
  probe.connection = server;
  server.onResumed(deliver);
  return { server, client, probe, clientProbe, root: client.bootstrap(), ends, sent };
}

/** Serves probes over TCP on loopback. */
export async function serveProbes(engine: Engine, own: Partial<EngineLimits> = {}): Promise<{ readonly server: Server; readonly port: number; readonly probes: Set<Probe>; readonly all: Probe[] }> {
  const probes = new Set<Probe>();
  const all: Probe[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    const probe = new Probe();
    probes.add(probe);
    all.push(probe);
    const connection = engine.connect({
      bootstrap: probe,
      limits: { ...limits, ...own },
      send: (bytes) => socket.write(bytes),
      ended: () => socket.end(),
    });
    probe.connection = connection;
    connection.onResumed(() => socket.resume());
    socket.on('data', (bytes) => {
      connection.receive(bytes);
      if (connection.isPaused) socket.pause();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      connection.close();
      probes.delete(probe);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0, probes, all };
}

export const tableEmpty = { unansweredCalls: 0, exported: 0, imported: 0 } as const;
