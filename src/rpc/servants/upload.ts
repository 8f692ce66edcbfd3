import { setCapability } from '../engine/capabilities.ts';
import type { PutOptions, PutResult as PutRecord, TreeEntry as Entry } from '../../api/api.ts';
import { PangeaError } from '../../errors/errors.ts';
import { ownCopy } from '../bridge/bytes.ts';
import { unflatten, type TreeItem } from '../bridge/tree.ts';
import { limits } from '../limits.ts';
import {
  EntryResponse, FinishRequest, PutResult, StreamResult, TreeEntry, TreeUpload$Client, TreeUpload_Write$Params, Upload$Client, Upload_Write$Params,
  type PutResponse, type PutTreeResponse,
} from '../schema/pangea.ts';
import type { Authority } from './authority.ts';
import { readEntry } from './entries.ts';
import { Handover } from './handover.ts';
import { answer, method, nothing, servantOf, type Answer } from './method.ts';
import { putResultAnswer } from './object-answers.ts';
import { boundedView } from './read.ts';
import type { Surface } from './surface.ts';

/** What an entry of a tree counts for in the window of its upload. */
const entryBytes = 1024;

/** `write`, `finish`: one object. */
export function uploadAnswer(surface: Surface, authority: Authority, options: PutOptions): Answer<PutResponse> {
  const upload = new RunningPut<Uint8Array>(surface, authority, (content, signal) => surface.node.put(content, { ...options, signal }));
  const servant = servantOf(surface, 'Upload', [{
    schema: Upload$Client,
    methods: [
      method(surface, Upload_Write$Params, StreamResult, chunkOf, (chunk) => upload.write(surface.pieces.copy(chunk))),
      method(surface, FinishRequest, PutResult, () => undefined, (_, { signal }) => upload.finish(signal)),
    ],
    streaming: [0],
  }], () => upload.dropped());
  return answer((response) => setCapability(response, 0, servant));
}

/** `entry`, `write`, `finish`: a directory. */
export function treeUploadAnswer(surface: Surface, authority: Authority, options: PutOptions): Answer<PutTreeResponse> {
  const upload = new RunningPut<TreeItem>(surface, authority, (items, signal) => {
    const entries: AsyncIterable<Entry> = unflatten(items);
    return surface.node.putTree(entries, { ...options, signal });
  });
  const servant = servantOf(surface, 'TreeUpload', [{
    schema: TreeUpload$Client,
    methods: [
      method(surface, TreeEntry, EntryResponse, readEntry, (entry) => upload.write(entry)),
      method(surface, TreeUpload_Write$Params, StreamResult, chunkOf, (chunk) => upload.write(ownCopy(chunk))),
      method(surface, FinishRequest, PutResult, () => undefined, (_, { signal }) => upload.finish(signal)),
    ],
    streaming: [1],
  }], () => upload.dropped());
  return answer((response) => setCapability(response, 0, servant));
}

const chunkOf = (params: Upload_Write$Params): Uint8Array => boundedView('a chunk', params._hasChunk(), () => params.chunk, limits.largestChunkBytes);

/** A put whose content comes in calls. Given up before `finish`, it is aborted, and the node keeps nothing of it. */
class RunningPut<T extends TreeItem> {
  readonly #items: Handover<T>;
  readonly #result: Promise<PutRecord>;
  readonly #abort: (reason: PangeaError) => void;
  #isFinished = false;

  constructor(surface: Surface, authority: Authority, put: (items: AsyncIterable<T>, signal: AbortSignal) => Promise<PutRecord>) {
    const release = surface.take('transfer');
    const operation = authority.operation(surface.signal);
    this.#abort = operation.abort;
    this.#items = new Handover<T>(limits.uploadWindowBytes, (item) => (item instanceof Uint8Array ? item.length : entryBytes), (bytes) => surface.hold(bytes));
    operation.signal.addEventListener('abort', () => this.#items.fail(operation.signal.reason), { once: true });
    this.#result = put(this.#items, operation.signal).finally(() => {
      operation.end();
      release();
    });
    // Whoever writes or finishes hears of a failure; that nobody listens in between is no accident of the process.
    this.#result.catch((error: unknown) => this.#items.fail(error));
  }

  /** A node that reads no further has its reason, or has the object already: a retried request is answered without its content. */
  async write(item: T): Promise<typeof nothing> {
    if (this.#isFinished) throw new PangeaError('USAGE', 'this upload was finished: it takes no more');
    await this.#items.push(item).catch(() => this.#result);
    return nothing;
  }

  async finish(signal: AbortSignal): Promise<Answer<PutResult>> {
    this.#isFinished = true;
    this.#items.end();
    const onAbort = (): void => this.#abort(new PangeaError('ABORTED', 'the client does not wait for its upload'));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return putResultAnswer(await this.#result);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  dropped(): void {
    if (!this.#isFinished) this.#abort(new PangeaError('ABORTED', 'the client gave its upload up'));
  }
}
