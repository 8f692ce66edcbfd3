/**
 * `/pangea/rpc/1.0.0`: how the other peers of a mixed network ask for shards and hand some over. One request a stream,
 * integers big-endian (`schema/foreign-shards.md`). No checksums, no durability, no reasons: what cannot be done is
 * answered with nothing, and the stream closes.
 */
import { type Body, bodyFrom } from '../body/body.ts';
import { PangeaError, asPangeaError } from '../errors/errors.ts';
import type { Host, HostStream } from '../host/host.ts';
import type { PeerId } from '../ids/ids.ts';
import { concatBytes, utf8, type Clock } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { ByteBudget, type ByteHold } from './byte-budget.ts';
import { withDeadline } from './deadline.ts';

export const foreignProtocol = '/pangea/rpc/1.0.0';

export const foreignLimits = {
  /** Bytes of the file hash as UTF-8: 64 for SHA-256 in hex. */
  hashBytes: 256,
  /** An eighth of a block of 64 MiB that did not shrink, with room to spare. */
  shardBytes: 9 * 1024 * 1024,
  streamsPerPeer: 8,
  streams: 64,
  /** Of shards that are being received. */
  receivedBytes: 64 * 1024 * 1024,
  headMs: 10_000,
  /** For one whole request: 9 MiB at 0.6 Mbit/s. */
  requestMs: 120_000,
} as const;

const leastRoomBytes = 4096;
const fetchShard = 0x01;
const storeShard = 0x03;
const stored = 'OK';

/** What the node keeps of shards, as foreign peers name them: by the file's hash and a number. */
export interface ForeignShards {
  /** `undefined` when it is not here, or not for this peer. The caller releases the body. */
  fetch(peer: PeerId, hash: string, index: number): Promise<Body | undefined>;
  /** False when it is not taken. The bytes are the callee's. */
  store(peer: PeerId, hash: string, index: number, shard: Uint8Array): Promise<boolean>;
}

export interface ForeignServerOptions {
  readonly host: Host;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly shards: ForeignShards;
  /** Asked for every stream: false resets it. */
  readonly admits: (peer: PeerId) => boolean;
}

export function serveForeign({ host, clock, logger, shards, admits }: ForeignServerOptions): void {
  const serving = new Map<PeerId, number>();
  let total = 0;
  const budget = new ByteBudget(foreignLimits.receivedBytes);

  host.handle(foreignProtocol, async (stream) => {
    const { peer } = stream;
    const own = serving.get(peer) ?? 0;
    if (!admits(peer)) throw new PangeaError('NOT_A_MEMBER', `${peer} is no member that is connected`);
    if (own >= foreignLimits.streamsPerPeer || total >= foreignLimits.streams) throw new PangeaError('PEER_BUSY', 'too many requests under way');
    serving.set(peer, own + 1);
    total++;
    const hold = budget.hold();
    try {
      await withDeadline(clock, answer(stream, shards, hold, clock), { timeoutMs: foreignLimits.requestMs });
    } catch (error) {
      logger.debug({ peer, reason: (error as Error).message }, 'a foreign request ended without an answer');
      throw error;
    } finally {
      hold.release();
      total--;
      const left = (serving.get(peer) ?? 1) - 1;
      if (left > 0) serving.set(peer, left);
      else serving.delete(peer);
    }
  });
}

async function answer(stream: HostStream, shards: ForeignShards, hold: ByteHold, clock: Clock): Promise<void> {
  const reader = new StreamReader(stream);
  const head = async (): Promise<{ type: number; hash: string; index: number } | undefined> => {
    const [type = 0] = await reader.take(1);
    return type === fetchShard || type === storeShard ? { type, ...(await readName(reader)) } : undefined;
  };
  const asked = await withDeadline(clock, head(), { timeoutMs: foreignLimits.headMs });
  // Key shares and what later versions may bring: the stream is closed, as the protocol has it.
  if (asked === undefined) return;
  const { type, hash, index } = asked;
  if (type === fetchShard) {
    const body = await shards.fetch(stream.peer, hash, index);
    if (body === undefined) return;
    try {
      await stream.write(body);
    } finally {
      body.release();
    }
    return;
  }
  const shard = await reader.rest(foreignLimits.shardBytes, hold);
  if (await shards.store(stream.peer, hash, index, shard)) await stream.write(bodyFrom(utf8(stored)));
}

async function readName(reader: StreamReader): Promise<{ readonly hash: string; readonly index: number }> {
  const length = viewOf(await reader.take(2)).getUint16(0);
  if (length === 0 || length > foreignLimits.hashBytes) throw new PangeaError('PROTOCOL', `a file hash of ${length} bytes`);
  const hash = textOf(await reader.take(length));
  return { hash, index: viewOf(await reader.take(4)).getUint32(0) };
}

export interface ForeignCallOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** A shard that a peer has; `undefined` when it has none, or says nothing. Throws `PEER_UNREACHABLE`, `PROTOCOL`, `TIMEOUT`. */
export async function fetchForeign(host: Host, peer: PeerId, hash: string, index: number, options: ForeignCallOptions): Promise<Uint8Array | undefined> {
  return converse(host, peer, options, async (stream) => {
    await stream.write(bodyFrom(encodeForeignHead(fetchShard, hash, index)));
    await stream.closeWrite();
    const shard = await new StreamReader(stream).rest(foreignLimits.shardBytes);
    return shard.length > 0 ? shard : undefined;
  });
}

/** Hands a shard over. `PEER_REFUSED` when the peer does not say that it has it; its word means memory, not disk. */
export async function storeForeign(host: Host, peer: PeerId, hash: string, index: number, shard: Uint8Array, options: ForeignCallOptions): Promise<void> {
  if (shard.length > foreignLimits.shardBytes) throw new PangeaError('TOO_LARGE', `a shard has at most ${foreignLimits.shardBytes} bytes`);
  await converse(host, peer, options, async (stream) => {
    await stream.write(bodyFrom(encodeForeignHead(storeShard, hash, index)));
    await stream.write(bodyFrom(shard));
    await stream.closeWrite();
    const word = await new StreamReader(stream).rest(stored.length);
    if (!Buffer.from(stored).equals(word)) throw new PangeaError('PEER_REFUSED', `${peer} did not take the shard`, { data: { peer } });
  });
}

/** The head of a request; of a store the shard follows. */
export function encodeForeignHead(type: number, hash: string, index: number): Uint8Array {
  const name = utf8(hash);
  if (name.length === 0 || name.length > foreignLimits.hashBytes) throw new PangeaError('USAGE', `a file hash has 1 to ${foreignLimits.hashBytes} bytes`);
  const out = new Uint8Array(7 + name.length);
  const view = viewOf(out);
  view.setUint8(0, type);
  view.setUint16(1, name.length);
  out.set(name, 3);
  view.setUint32(3 + name.length, index);
  return out;
}

async function converse<T>(host: Host, peer: PeerId, { clock, timeoutMs }: ForeignCallOptions, talk: (stream: HostStream) => Promise<T>): Promise<T> {
  const endMs = clock.monotonicMs() + timeoutMs;
  const stream = await host.openStream(peer, foreignProtocol, timeoutMs);
  try {
    return await withDeadline(clock, talk(stream), { timeoutMs: endMs - clock.monotonicMs() });
  } catch (error) {
    throw asPangeaError(error, 'PEER_UNREACHABLE');
  } finally {
    stream.reset();
  }
}

/** Exact pieces of a stream, and its bounded rest. */
class StreamReader {
  readonly #stream: HostStream;
  #held: Uint8Array = new Uint8Array(0);

  constructor(stream: HostStream) {
    this.#stream = stream;
  }

  /** Throws `PROTOCOL` when the stream ends before. The caller has bounded the count. */
  async take(count: number): Promise<Uint8Array> {
    while (this.#held.length < count) {
      const more = await this.#next();
      if (more === undefined) throw new PangeaError('PROTOCOL', 'the request ends too early');
      this.#held = concatBytes(this.#held, more);
    }
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  /** All until the other side closes. Throws `PROTOCOL` beyond the bound. Memory comes out of the budget as bytes arrive. */
  async rest(maxBytes: number, hold?: ByteHold): Promise<Uint8Array> {
    // Not a list of parts: the sender chooses their size, and an object for each byte would be a hundred times the bytes.
    let room = new Uint8Array(0);
    let bytes = 0;
    for (let part: Uint8Array | undefined = this.#held; part !== undefined; part = await this.#next()) {
      const end = bytes + part.length;
      if (end > maxBytes) throw new PangeaError('PROTOCOL', `more than ${maxBytes} bytes`);
      if (part.length > 0) await hold?.take(part.length);
      if (end > room.length) {
        const larger = new Uint8Array(Math.min(maxBytes, Math.max(end, room.length * 2, leastRoomBytes)));
        larger.set(room.subarray(0, bytes));
        room = larger;
      }
      room.set(part, bytes);
      bytes = end;
    }
    return room.slice(0, bytes);
  }

  async #next(): Promise<Uint8Array | undefined> {
    const body = await this.#stream.read();
    if (body === undefined) return undefined;
    const bytes = body.bytes();
    body.release();
    return bytes;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new PangeaError('PROTOCOL', 'a file hash that is no UTF-8', { cause });
  }
}
