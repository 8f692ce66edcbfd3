/** One face for whoever takes part in the mixed network: peers of other makes, and our own hosts inside the test. */
import { randomBytes } from 'node:crypto';
import { openDht, parsePeerRecord, peerRecordRules, peerRecordType, recordAcceptor, signPeerRecord, type Dht } from '../../src/dht/dht.ts';
import type { Host } from '../../src/host/host.ts';
import { identityOfSeed } from '../../src/identity/identity.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { fromHex, systemClock, toHex } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { fetchForeign, serveForeign, storeForeign } from '../../src/transport/transport.ts';
import { bodyFrom } from '../../src/body/body.ts';
import type { MakeHost } from '../host/makers.ts';
import { InteropPeer, type Found, type PeerOptions } from './peer.ts';

export interface RecordFields {
  readonly sequence: number;
  readonly expires: number;
  readonly label: number;
}

export interface Message {
  readonly from: PeerId;
  readonly data: string;
}

export interface Member {
  readonly name: string;
  readonly peer: PeerId;
  readonly addresses: readonly string[];
  /** Connected peers, and where to. */
  paths(): Promise<Readonly<Record<string, string>>>;
  provide(key: Uint8Array): Promise<void>;
  providers(key: Uint8Array): Promise<readonly PeerId[]>;
  closest(key: Uint8Array): Promise<readonly PeerId[]>;
  /** A record of this member, signed by its key, in hex. */
  record(fields: RecordFields): Promise<string>;
  /** Rejects for what is no record. */
  readRecord(value: string): Promise<Readonly<Record<string, unknown>>>;
  /** Under `/pangea/peer/<peer>`. */
  put(peer: PeerId, value: string): Promise<void>;
  get(peer: PeerId): Promise<string | undefined>;
  subscribe(topic: string): Promise<void>;
  publish(topic: string, value: string): Promise<void>;
  messages(topic: string): Promise<readonly Message[]>;
  fetch(peer: PeerId, hash: string, index: number): Promise<Uint8Array | undefined>;
  store(peer: PeerId, hash: string, index: number, shard: Uint8Array): Promise<void>;
  stop(): Promise<void>;
}

export async function startForeign(name: string, command: readonly [string, ...string[]], options: PeerOptions): Promise<ForeignMember> {
  return new ForeignMember(await InteropPeer.start(name, command, options));
}

export class ForeignMember implements Member {
  readonly process: InteropPeer;

  constructor(process: InteropPeer) {
    this.process = process;
  }

  get name(): string { return this.process.name; }
  get peer(): PeerId { return this.process.peer; }
  get addresses(): readonly string[] { return this.process.addresses; }

  async paths(): Promise<Readonly<Record<string, string>>> {
    return (await this.process.ask('connected'))['peers'] as Record<string, string>;
  }

  async provide(key: Uint8Array): Promise<void> {
    await this.process.ask('provide', { key: toHex(key) });
  }

  async providers(key: Uint8Array): Promise<readonly PeerId[]> {
    return ((await this.process.ask('providers', { key: toHex(key), count: 20 }))['peers'] as Found[]).map(({ peer }) => peer);
  }

  async closest(key: Uint8Array): Promise<readonly PeerId[]> {
    return ((await this.process.ask('closest', { key: toHex(key) }))['peers'] as Found[]).map(({ peer }) => peer);
  }

  async record(fields: RecordFields): Promise<string> {
    return (await this.process.ask('record', { ...fields }))['value'] as string;
  }

  async readRecord(value: string): Promise<Readonly<Record<string, unknown>>> {
    return this.process.ask('read-record', { value });
  }

  async put(peer: PeerId, value: string): Promise<void> {
    await this.process.ask('put', { key: `/pangea/peer/${peer}`, value });
  }

  async get(peer: PeerId): Promise<string | undefined> {
    return this.process.ask('get', { key: `/pangea/peer/${peer}` }).then((answer) => answer['value'] as string, () => undefined);
  }

  async subscribe(topic: string): Promise<void> {
    await this.process.ask('subscribe', { topic });
  }

  async publish(topic: string, value: string): Promise<void> {
    await this.process.ask('publish', { topic, value });
  }

  async messages(topic: string): Promise<readonly Message[]> {
    return (await this.process.ask('messages', { topic }))['messages'] as Message[];
  }

  async fetch(peer: PeerId, hash: string, index: number): Promise<Uint8Array | undefined> {
    const data = Buffer.from(((await this.process.ask('fetch', { peer, hash, index }))['data'] as string | null) ?? '', 'base64');
    return data.length > 0 ? data : undefined;
  }

  async store(peer: PeerId, hash: string, index: number, shard: Uint8Array): Promise<void> {
    await this.process.ask('store', { peer, hash, index, data: Buffer.from(shard).toString('base64') });
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}

export async function startOwn(name: string, make: MakeHost, options: { listen: readonly string[]; bootstrap: readonly string[] }): Promise<Member> {
  const rules = { [peerRecordType]: peerRecordRules };
  const seed = randomBytes(32);
  const host = await make({ ...options, seed, acceptRecord: recordAcceptor(rules, systemClock) });
  const dht = openDht({ host, clock: systemClock, logger: silentLogger, rules });
  await dht.bootstrap().catch(() => undefined);
  return new OwnMember(name, seed, host, dht);
}

const timeoutMs = 10_000;
const call = { clock: systemClock, timeoutMs };

class OwnMember implements Member {
  readonly name: string;
  readonly #seed: Uint8Array;
  readonly #host: Host;
  readonly #dht: Dht;
  readonly #messages = new Map<string, Message[]>();
  readonly #shards = new Map<string, Uint8Array>();

  constructor(name: string, seed: Uint8Array, host: Host, dht: Dht) {
    this.name = name;
    this.#seed = seed;
    this.#host = host;
    this.#dht = dht;
    serveForeign({
      host, clock: systemClock, logger: silentLogger, admits: () => true,
      shards: {
        fetch: async (_peer, hash, index) => {
          const shard = this.#shards.get(`${hash}/${index}`);
          return shard && bodyFrom(shard);
        },
        store: async (_peer, hash, index, shard) => {
          this.#shards.set(`${hash}/${index}`, shard);
          return true;
        },
      },
    });
  }

  get peer(): PeerId { return this.#host.peerId; }
  get addresses(): readonly string[] { return this.#host.multiaddrs(); }

  paths(): Promise<Readonly<Record<string, string>>> {
    return Promise.resolve(Object.fromEntries(this.#host.connectedPeers().map((peer) => [peer, ''])));
  }

  provide(key: Uint8Array): Promise<void> {
    return this.#dht.provide(key);
  }

  async providers(key: Uint8Array): Promise<readonly PeerId[]> {
    return (await this.#dht.findProviders(key, { timeoutMs })).map(({ peer }) => peer);
  }

  async closest(key: Uint8Array): Promise<readonly PeerId[]> {
    return (await this.#dht.closestPeers(key, { timeoutMs })).map(({ peer }) => peer);
  }

  async record({ sequence, expires, label }: RecordFields): Promise<string> {
    return toHex(signPeerRecord(identityOfSeed(this.#seed), { sequence, expiresMs: expires, label, version: 'ts', multiaddrs: this.addresses }));
  }

  async readRecord(value: string): Promise<Readonly<Record<string, unknown>>> {
    const { expiresMs, multiaddrs, ...said } = parsePeerRecord(fromHex(value));
    return { ...said, expires: expiresMs, addresses: multiaddrs };
  }

  put(peer: PeerId, value: string): Promise<void> {
    return this.#dht.putValue(peerRecordType, peer, fromHex(value));
  }

  async get(peer: PeerId): Promise<string | undefined> {
    const value = await this.#dht.getValue(peerRecordType, peer, { timeoutMs });
    return value && toHex(value);
  }

  async subscribe(topic: string): Promise<void> {
    const heard: Message[] = [];
    this.#messages.set(topic, heard);
    this.#host.subscribe(topic, (from, data) => {
      heard.push({ from, data: toHex(data) });
      return true;
    });
  }

  publish(topic: string, value: string): Promise<void> {
    return this.#host.publish(topic, fromHex(value));
  }

  messages(topic: string): Promise<readonly Message[]> {
    return Promise.resolve(this.#messages.get(topic) ?? []);
  }

  fetch(peer: PeerId, hash: string, index: number): Promise<Uint8Array | undefined> {
    return fetchForeign(this.#host, peer, hash, index, call);
  }

  store(peer: PeerId, hash: string, index: number, shard: Uint8Array): Promise<void> {
    return storeForeign(this.#host, peer, hash, index, shard, call);
  }

  async stop(): Promise<void> {
    await this.#dht.close();
    await this.#host.close();
  }
}
