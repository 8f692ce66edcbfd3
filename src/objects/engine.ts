/** The object engine: builds its pieces from the dependencies and keeps the catalogue beside the transfers. */
import { emptyBody, type Body } from '../body/body.ts';
import { PangeaError } from '../errors/errors.ts';
import { digestOf, type Digest, type PeerId } from '../ids/ids.ts';
import type { Timer } from '../std/std.ts';
import { recordKind } from '../store/store.ts';
import type { Reply, Request } from '../transport/transport.ts';
import { Announcer, announces } from './holder/announce.ts';
import { ByteCount } from './byte-count.ts';
import { Candidates } from './candidates.ts';
import { Catalogue } from './catalogue.ts';
import { directoryMediaType } from './format/directory.ts';
import { Dictionaries, dictionaryMediaType } from './get/dictionaries.ts';
import { openObject, type GetDependencies } from './get/get.ts';
import { HeldObjects } from './holder/held.ts';
import { Holder } from './holder/holder.ts';
import { objectInfo, recordOf, treeInfo } from './info.ts';
import { KeyedLock } from './keyed-lock.ts';
import { formatLink } from './format/link.ts';
import type { Objects, ObjectsDependencies, ObjectsEvents, RepairReport, RepairState, ShardPosition } from './objects.ts';
import { objectPlaces } from './places.ts';
import { PeerCalls } from './peer-calls.ts';
import { collectSamples, type UsedDictionary } from './put/dictionary.ts';
import { putObject, type PutDependencies, type PutObjectResult } from './put/put.ts';
import { rangeOf } from './get/range.ts';
import { requireKey, resolveReference, type Resolved } from './get/reference.ts';
import { removeObject, type Removed } from './remove.ts';
import { Repairer } from './repair/repair.ts';
import { Suspects } from './suspects.ts';
import { readDirectory, treeEntries } from './get/tree-get.ts';
import { putTree, type StoredObject } from './put/tree-put.ts';
import type { GetOptions, GetResult, ObjectInfo, ObjectRecord, PutOptions, PutResult, TrainOptions, TreeEntry } from './types.ts';
import { Uploads } from './holder/uploads.ts';

export function openObjects(dependencies: ObjectsDependencies): ObjectEngine {
  return new ObjectEngine(dependencies);
}

const defaultMediaType = 'application/octet-stream';

export class ObjectEngine implements Objects {
  /** Bytes that puts and gets hold now, and held at most: the bound on memory, measured. */
  readonly putBytes = new ByteCount();
  readonly getBytes = new ByteCount();
  readonly held: HeldObjects;
  readonly #dependencies: ObjectsDependencies;
  readonly #catalogue: Catalogue;
  readonly #uploads: Uploads;
  readonly #announcer: Announcer;
  readonly #holder: Holder;
  readonly #repairer: Repairer;
  readonly #put: PutDependencies;
  readonly #get: GetDependencies;
  readonly #dictionaries: Dictionaries;
  /** Puts under way by request id, so that an impatient retry joins the first. */
  readonly #requests = new Map<string, Promise<PutResult>>();
  /** Of dictionaries: puts under way that use it, and removals under way. One keeps the other from beginning. */
  readonly #users = new Map<Digest, number>();
  readonly #removing = new Set<Digest>();
  readonly #active = new Set<Promise<unknown>>();
  readonly #listeners: Partial<ObjectsEvents>[] = [];
  readonly #stopping = new AbortController();
  #expiry: Timer | undefined;

  constructor(dependencies: ObjectsDependencies) {
    this.#dependencies = dependencies;
    const { clock, random, codec, store, transport, dht, peers, kv, logger, metrics, localPeer, settings } = dependencies;
    const { announceKey, objectKey } = dependencies;
    this.#catalogue = new Catalogue(kv);
    this.held = new HeldObjects({ store, codec, logger });
    this.#uploads = new Uploads({ clock, quotaBytes: settings.uploadQuotaBytes, expiresMs: settings.uploadExpiresMs });
    this.#announcer = new Announcer({ dht, clock, logger, announceKey });
    this.#holder = new Holder({
      store, codec, clock, logger, localPeer, storing: settings.storing,
      held: this.held, uploads: this.#uploads, announcer: this.#announcer, locks: new KeyedLock<Digest>(),
    });
    const suspects = new Suspects(clock);
    const candidates = new Candidates({ peers, transport, suspects, localPeer, storing: settings.storing });
    const calls = new PeerCalls({
      clock, random, transport, localPeer, suspects, timeoutMs: settings.requestTimeoutMs,
      handle: (peer, request, body) => this.#holder.handle(peer, request, body),
    });
    const lookup = { clock, codec, dht, peers, transport, logger, calls, candidates, announceKey };
    const levels = metrics.counter('pangea_objects_put_stripes_total', 'Stripes of large objects, by the zstd level that was tried', ['level']);
    this.#put = {
      ...lookup, random, settings, objectKey, hedgeAfterMs: settings.hedgeAfterMs, inFlight: this.putBytes,
      levelChosen: (level) => levels.add(1, { level: String(level) }),
    };
    this.#dictionaries = new Dictionaries((root, key) => openObject(this.#get, root, key, { signal: this.#stopping.signal }));
    this.#get = {
      ...lookup, suspects, hedgeAfterMs: settings.hedgeAfterMs, getWindowStripes: settings.getWindowStripes, inFlight: this.getBytes,
      dictionaries: this.#dictionaries,
    };
    this.#repairer = new Repairer({
      ...lookup, random, store, metrics, held: this.held, settings,
      events: {
        repairRound: (report) => { for (const each of this.#listeners) each.repairRound?.(report); },
        restored: (root, shards) => { for (const each of this.#listeners) each.restored?.(root, shards); },
        unreadable: (root) => { for (const each of this.#listeners) each.unreadable?.(root); },
      },
    });
    metrics.gauge('pangea_objects_held', 'Objects of which this node holds a part', () => this.held.size);
    metrics.gauge('pangea_objects_put_window_bytes', 'Plaintext and shards that puts hold now', () => this.putBytes.now);
    metrics.gauge('pangea_objects_get_window_bytes', 'Shards and plaintext that gets hold now', () => this.getBytes.now);
  }

  async put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutResult> {
    let used: Digest | undefined;
    try {
      return await this.#once(options, async (signal) => {
        const mediaType = options.mediaType ?? defaultMediaType;
        const { dictionary: reference, ...others } = options;
        const named = reference === undefined ? undefined : await this.#reserve(reference);
        used = named && digestOf(named.root);
        const dictionary = named && { dictionary: await this.#dictionary(named, signal) };
        const stored = await putObject(this.#put, content, { ...others, ...dictionary, signal, mediaType, kind: 'file' });
        return { stored, kind: 'file', bytes: stored.plaintextBytes, mediaType, children: [] };
      });
    } finally {
      // Not before the catalogue knows who needs it.
      if (used !== undefined) this.#release(used);
    }
  }

  trainDictionary(samples: AsyncIterable<TreeEntry>, { bytes: maxBytes, ...options }: TrainOptions): Promise<PutResult> {
    return this.#once(options, async (signal) => {
      const bytes = await this.#dependencies.codec.trainDictionary(await collectSamples(samples), maxBytes);
      const stored = await putObject(this.#put, once(bytes), { ...options, signal, mediaType: dictionaryMediaType, kind: 'file' });
      return { stored, kind: 'file', bytes: bytes.length, mediaType: dictionaryMediaType, children: [] };
    });
  }

  /** Keeps this node from removing the dictionary until `#release`. */
  async #reserve(reference: string): Promise<{ readonly root: Uint8Array; readonly key: Uint8Array }> {
    if (this.#dependencies.settings.compression === 'store') {
      throw new PangeaError('USAGE', 'a dictionary is of no use on a node that stores uncompressed: set compression to auto');
    }
    const resolved = await resolveReference(this.#catalogue, reference);
    const key = requireKey(resolved);
    const digest = digestOf(resolved.root);
    if (this.#removing.has(digest)) throw new PangeaError('NOT_FOUND', 'this dictionary is being deleted', { data: { root: digest } });
    this.#users.set(digest, (this.#users.get(digest) ?? 0) + 1);
    return { root: resolved.root, key };
  }

  #release(dictionary: Digest): void {
    const left = (this.#users.get(dictionary) ?? 0) - 1;
    if (left > 0) this.#users.set(dictionary, left);
    else this.#users.delete(dictionary);
  }

  async #dictionary({ root, key }: { readonly root: Uint8Array; readonly key: Uint8Array }, signal: AbortSignal): Promise<UsedDictionary> {
    const bytes = await this.#dictionaries.load(root, key);
    // They may have been kept for longer than the object: what is put with a deleted one, nobody could read.
    await openObject(this.#get, root, key, { signal });
    return { root, key, bytes };
  }

  async putTree(entries: AsyncIterable<TreeEntry>, options: PutOptions): Promise<PutResult> {
    if (options.dictionary !== undefined) {
      throw new PangeaError('USAGE', 'a directory takes no dictionary: its small files are packed together, which compresses them better');
    }
    return this.#once(options, async (signal) => {
      const createdMs = this.#dependencies.clock.nowMs();
      const discard = ({ root, key }: StoredObject): Promise<unknown> => this.#remove({ root, key, entry: undefined });
      const tree = await putTree((content, each) => putObject(this.#put, content, each), discard, entries, { ...options, signal });
      return { stored: { ...tree, createdMs }, kind: 'directory', bytes: tree.contentBytes, mediaType: directoryMediaType, children: tree.children };
    });
  }

  /** Runs a put once per request id and enters it in the catalogue. */
  async #once(options: PutOptions, run: (signal: AbortSignal) => Promise<FinishedPut>): Promise<PutResult> {
    const { requestId } = options;
    const known = requestId === undefined ? undefined : this.#requests.get(requestId);
    if (known) return known;
    const put = this.#track(this.#putAndEnter(options, run));
    if (requestId === undefined) return put;
    this.#requests.set(requestId, put);
    try {
      return await put;
    } finally {
      this.#requests.delete(requestId);
    }
  }

  async #putAndEnter(options: PutOptions, run: (signal: AbortSignal) => Promise<FinishedPut>): Promise<PutResult> {
    const { clock } = this.#dependencies;
    const { requestId } = options;
    if (requestId !== undefined) {
      const before = await this.#catalogue.byRequest(requestId);
      if (before?.result) return before.result;
    }
    const startedMs = clock.monotonicMs();
    const { stored, kind, bytes, mediaType, children } = await run(this.#signal(options.signal));
    const record: ObjectRecord = {
      root: digestOf(stored.root), link: formatLink(stored), name: options.name, kind, bytes, mediaType, createdMs: stored.createdMs,
    };
    const result: PutResult = {
      ...record, ack: stored.ack, survivesFailures: stored.survivesFailures, storedBytes: stored.storedBytes, compression: stored.compression,
      seconds: (clock.monotonicMs() - startedMs) / 1000,
    };
    const { dictionary } = stored.compression;
    await this.#catalogue.add({
      ...record, children, result, ...(requestId === undefined ? {} : { requestId }), ...(dictionary === undefined ? {} : { dictionary }),
    });
    for (const each of this.#listeners) each.put?.(record);
    return result;
  }

  async get(reference: string, options: GetOptions = {}): Promise<GetResult> {
    const signal = this.#signal(options.signal);
    const resolved = await resolveReference(this.#catalogue, reference);
    const object = await openObject(this.#get, resolved.root, requireKey(resolved), { signal });
    const { manifest } = object;
    if (options.path !== undefined) return this.#getPath(await readDirectory(object), options.path, options, signal);
    const { offset, length } = rangeOf(options, manifest.plaintextBytes);
    return {
      name: resolved.entry?.name ?? manifest.name,
      kind: manifest.kind === 'directory' ? 'directory' : 'file',
      bytes: length,
      mediaType: manifest.mediaType,
      content: this.#tracked(object.read(offset, length)),
    };
  }

  /** One file of a directory object. */
  async #getPath(directory: Awaited<ReturnType<typeof readDirectory>>, path: string, options: GetOptions, signal: AbortSignal): Promise<GetResult> {
    const entry = directory.entries.find((each) => each.path === path.replace(/\/+$/, ''));
    if (!entry) throw new PangeaError('NOT_FOUND', `the directory has no ${JSON.stringify(path)}`);
    if (entry.type !== 'file') throw new PangeaError('USAGE', `${JSON.stringify(path)} is a ${entry.type}; get it as a tree`);
    const { offset, length } = rangeOf(options, entry.bytes);
    const member = entry.place && directory.members[entry.place.member];
    const result = { name: path.slice(path.lastIndexOf('/') + 1), kind: 'file', bytes: length, mediaType: defaultMediaType } as const;
    if (!entry.place || !member) return { ...result, content: nothing() };
    const object = await openObject(this.#get, member.root, member.key, { signal });
    return { ...result, content: this.#tracked(object.read(entry.place.offset + offset, length)) };
  }

  async getTree(reference: string, options: GetOptions = {}): Promise<{ name: string; entries: AsyncIterable<TreeEntry> }> {
    const signal = this.#signal(options.signal);
    const resolved = await resolveReference(this.#catalogue, reference);
    const object = await openObject(this.#get, resolved.root, requireKey(resolved), { signal });
    if (object.manifest.kind !== 'directory') throw new PangeaError('USAGE', 'the object is a file and not a directory');
    const directory = await readDirectory(object);
    const open = (root: Uint8Array, key: Uint8Array): ReturnType<typeof openObject> => openObject(this.#get, root, key, { signal });
    return {
      name: resolved.entry?.name ?? object.manifest.name,
      entries: this.#tracked(treeEntries(directory, open, { signal, ...(options.path === undefined ? {} : { path: options.path }) })),
    };
  }

  async *list(): AsyncIterable<ObjectRecord> {
    for await (const entry of this.#catalogue.list()) yield recordOf(entry);
  }

  async *search(pattern: string): AsyncIterable<ObjectRecord> {
    for await (const entry of this.#catalogue.search(pattern)) yield recordOf(entry);
  }

  async info(reference: string): Promise<ObjectInfo> {
    const resolved = await resolveReference(this.#catalogue, reference);
    const own = await objectInfo(this.#get, resolved);
    if (own.kind !== 'directory' || !resolved.key) return own;
    const { members } = await readDirectory(await openObject(this.#get, resolved.root, resolved.key, { signal: this.#signal(undefined) }));
    return treeInfo(this.#get, own, members);
  }

  async remove(reference: string): Promise<{ root: string; confirmed: number; holders: number }> {
    const resolved = await resolveReference(this.#catalogue, reference);
    const digest = digestOf(resolved.root);
    if (this.#users.has(digest)) throw new PangeaError('USAGE', 'a put that uses this dictionary is under way: delete first what is put with it');
    this.#removing.add(digest);
    try {
      const user = await this.#catalogue.nameOfUser(digest);
      if (user !== undefined) {
        throw new PangeaError('USAGE', `${JSON.stringify(user)} cannot be read without this dictionary: delete first what was put with it`);
      }
      const removed = await this.#remove(resolved);
      for (const each of this.#listeners) each.removed?.({ root: removed.root, name: resolved.entry?.name ?? '', bytes: resolved.entry?.bytes ?? 0 });
      return removed;
    } finally {
      this.#removing.delete(digest);
    }
  }

  async places(reference: string): Promise<readonly ShardPosition[]> {
    return objectPlaces(this.#get, await resolveReference(this.#catalogue, reference));
  }

  #remove(resolved: Resolved): Promise<Removed> {
    return this.#track(removeObject({ ...this.#get, catalogue: this.#catalogue, objectKey: this.#dependencies.objectKey }, resolved));
  }

  handle(peer: PeerId, request: Request, body: Body = emptyBody): Promise<Reply> {
    return this.#holder.handle(peer, request, body);
  }

  repairOnce(): Promise<RepairReport> {
    return this.#track(this.#repairer.once());
  }

  pauseRepair(paused: boolean): void {
    if (!this.#repairer.pause(paused)) return;
    for (const each of this.#listeners) each.repairPaused?.(paused);
  }

  repairState(): RepairState {
    return this.#repairer.state;
  }

  on(events: Partial<ObjectsEvents>): void {
    this.#listeners.push(events);
  }

  counts(): { readonly held: number; readonly catalogue: number; readonly underRepair: number } {
    return { held: this.held.size, catalogue: this.#catalogue.count(), underRepair: this.#repairer.underRepair };
  }

  start(): void {
    this.#announcer.start();
    void this.held.load().then(() => {
      for (const { digest, slots } of this.held.list()) if (announces(slots)) this.#announcer.add(digest);
      for (const id of this.held.unclaimed()) this.#uploads.adopt(id);
    });
    this.#repairer.start();
    this.#armExpiry();
  }

  async stop(deadlineMs: number): Promise<void> {
    const { clock } = this.#dependencies;
    this.#expiry?.cancel();
    this.#announcer.stop();
    const late = new AbortController();
    const drained = Promise.allSettled(this.#active);
    await Promise.race([drained, clock.sleep(deadlineMs, late.signal).catch(() => undefined)]);
    late.abort();
    this.#stopping.abort(new PangeaError('NODE_STOPPING', 'the node is stopping'));
    await this.#repairer.stop();
  }

  /** Ends with the caller's signal or with the node. */
  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#stopping.signal]) : this.#stopping.signal;
  }

  #track<T>(work: Promise<T>): Promise<T> {
    const settled = work.then(() => undefined, () => undefined).then(() => void this.#active.delete(settled));
    this.#active.add(settled);
    return work;
  }

  /** A stream that `stop` waits for, from the first item asked for to the last. */
  async *#tracked<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    const ended = Promise.withResolvers<void>();
    void this.#track(ended.promise);
    try {
      yield* items;
    } finally {
      ended.resolve();
    }
  }

  #armExpiry(): void {
    const { clock, settings, store, logger } = this.#dependencies;
    this.#expiry = clock.after(Math.max(1000, settings.uploadExpiresMs / 4), () => {
      this.#armExpiry();
      for (const id of this.#uploads.expired()) {
        const digest = digestOf(id);
        this.#uploads.finish(digest);
        if (this.held.get(digest) || this.held.ofUpload(digest)) continue;
        store.remove(store.records(id).map(({ key }) => key).filter(({ kind }) => kind !== recordKind.tombstone)).catch((error: unknown) => {
          logger.warn({ error: (error as Error).message }, 'an expired upload could not be removed');
        });
      }
    });
  }
}

interface FinishedPut {
  readonly stored: PutObjectResult;
  readonly kind: 'file' | 'directory';
  readonly bytes: number;
  readonly mediaType: string;
  readonly children: readonly string[];
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
