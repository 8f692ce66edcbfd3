import type { NodeApi, PutOptions, PutResult } from '../../api/api.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { Exchange } from '../exchange.ts';
import { checkShape, text, whole } from '../fields.ts';
import { delivery, openSame, readSame, writeSame, type LocalFile } from '../local-file.ts';
import type { Route } from '../server.ts';
import { getShape, longestText, putShape } from './content.ts';

/** A decimal number of up to 64 bits, with its sign. */
const digits = text(1, 20);
const fileShape = { required: { path: text(1, longestText), device: digits, inode: digits, bytes: whole(0), modifiedNs: digits }, optional: {} };
const longestTarget = 64 * 1024;
/** Progress is told after so many bytes. */
const tellBytes = 4 * 1024 * 1024;

/** Files that client and node both see: only names and progress pass through the socket. */
export const fileRoutes: Readonly<Record<string, Route>> = {
  'POST /v1/put-file': async (exchange, api) => {
    const { path, device, inode, bytes, modifiedNs, ...options } = exchange.options({
      required: { ...putShape.required, ...fileShape.required }, optional: putShape.optional,
    });
    const file: LocalFile = { path, device, inode, bytes, modifiedNs };
    const handle = await openSame(file, 'read');
    try {
      const content = readSame(handle, file);
      await exchange.stream(undefined, 'application/jsonl', putWithProgress(api, content, { ...options, expectedBytes: bytes, signal: exchange.signal }));
    } finally {
      await handle.close();
    }
  },

  'POST /v1/get-file': async (exchange, api) => {
    const { reference, ...options } = exchange.options(getShape);
    const { content, ...object } = await api.get(reference, { ...options, signal: exchange.signal });
    await exchange.stream(object, 'application/x-pangea-file', deliver(exchange, content));
  },
};

/** Lines `{"bytes"}` while it runs, then one with the result. */
async function* putWithProgress(api: NodeApi, content: AsyncIterable<Uint8Array>, options: PutOptions): AsyncGenerator<Uint8Array> {
  let read = 0;
  let told = 0;
  let result: PutResult | undefined;
  let news = Promise.withResolvers<void>();
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      yield chunk;
      read += chunk.length;
      if (read - told >= tellBytes) news.resolve();
    }
  };
  const putting = api.put(counted(), options).then((stored) => { result = stored; });
  try {
    for (;;) {
      await Promise.race([news.promise, putting]);
      if (result !== undefined) return yield line({ result });
      [told, news] = [read, Promise.withResolvers()];
      yield line({ bytes: told });
    }
  } finally {
    // The file stays open as long as the put reads it.
    await putting.catch(() => undefined);
  }
}

/** The client names its file in the body, once it knows what the object is. Where the node cannot reach it, the content follows instead. */
async function* deliver(exchange: Exchange, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const target = await targetOf(exchange);
  const handle = target && (await openSame(target, 'write').catch(() => undefined));
  if (target === undefined || handle === undefined) {
    yield Uint8Array.of(delivery.content);
    return yield* content;
  }
  try {
    yield Uint8Array.of(delivery.file);
    let told = 0;
    for await (const bytes of writeSame(handle, target, content)) {
      if (bytes - told < tellBytes) continue;
      told = bytes;
      yield line({ bytes });
    }
  } finally {
    await handle.close();
  }
}

async function targetOf(exchange: Exchange): Promise<LocalFile | undefined> {
  const given = await exchange.text(longestTarget);
  if (given === '') return undefined;
  const checked = checkShape(parsed(given), fileShape);
  if ('value' in checked) return checked.value;
  throw new PangeaError('USAGE', `the file to write to: ${checked.misfit.slice(0, 80)} is missing, unknown or out of range`);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

function line(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
