import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { PangeaError } from '../errors/errors.ts';
import { parseJson } from '../std/std.ts';
import { errorOfWire, fromHeader, header, maxHeaderBytes, streamBytes, toHeader } from './outcome.ts';
import { controlSocketPath } from './socket.ts';

/** Levels of an answer in JSON. */
const deepestAnswer = 100;

export interface CallOptions {
  readonly options?: Readonly<Record<string, unknown>>;
  readonly body?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}

/** Makes one call and gives the answer's head. Throws the node's error, or `NODE_NOT_RUNNING`. */
export async function call(dataDir: string, route: string, { body, ...options }: CallOptions = {}): Promise<IncomingMessage> {
  const { request, answered } = await dial(dataDir, route, options);
  if (body === undefined) request.end();
  else await send(request, body, answered);
  return accepted(await answered, dataDir);
}

/** A call whose body depends on the answer's head: `reply` sends it, and must be called once. */
export async function converse(dataDir: string, route: string, options: Omit<CallOptions, 'body'>): Promise<{ response: IncomingMessage; reply: (body: string) => void }> {
  const { request, answered } = await dial(dataDir, route, options);
  request.flushHeaders();
  try {
    return { response: await accepted(await answered, dataDir), reply: (body) => void request.end(body) };
  } catch (error) {
    request.destroy();
    throw error;
  }
}

async function dial(dataDir: string, route: string, { options, signal }: Omit<CallOptions, 'body'>): Promise<{ request: ClientRequest; answered: Promise<IncomingMessage> }> {
  const socketPath = await controlSocketPath(dataDir);
  if (socketPath === undefined) throw notRunning(dataDir);
  if (signal?.aborted === true) throw new PangeaError('ABORTED', 'stopped before the call was made');
  const request = httpRequest({
    method: 'POST', path: route, host: 'localhost', maxHeaderSize: maxHeaderBytes,
    createConnection: () => connect({ path: socketPath, highWaterMark: streamBytes } as { path: string }),
    ...(options === undefined ? {} : { headers: { [header.options]: toHeader(options) } }),
    ...(signal === undefined ? {} : { signal }),
  });
  return { request, answered: answerOf(request, dataDir, signal) };
}

async function accepted(response: IncomingMessage, dataDir: string): Promise<IncomingMessage> {
  if (response.statusCode === 200) return response;
  try {
    throw errorOfWire(((await readJson(response, dataDir)) as { error?: unknown } | undefined)?.error);
  } finally {
    // The node may have answered before the body was sent; the rest is not wanted.
    response.destroy();
  }
}

/** The whole answer as JSON. */
export async function callForJson<T>(dataDir: string, route: string, options: CallOptions = {}): Promise<T> {
  return (await readJson(await call(dataDir, route, options), dataDir)) as T;
}

/** The chunks of a streamed answer. Throws when it was cut off, or ended with an error, after what came before it. */
export async function* chunksOf(response: IncomingMessage, dataDir: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) yield chunk as Uint8Array;
  } catch (error) {
    throw signal?.aborted === true ? new PangeaError('ABORTED', 'stopped in the middle', { cause: error }) : vanished(dataDir, error);
  }
  const outcome = fromHeader(response.trailers[header.outcome]);
  if (outcome === 'ok') return;
  throw outcome === undefined ? vanished(dataDir) : errorOfWire(outcome);
}

/** What the head of a streamed answer says about the object. */
export function objectOf<T>(response: IncomingMessage): T {
  const object = fromHeader(response.headers[header.object]);
  if (typeof object === 'object' && object !== null) return object as T;
  response.destroy();
  throw new PangeaError('PROTOCOL', 'the node answered in a form that this client cannot read');
}

function answerOf(request: ClientRequest, dataDir: string, signal: AbortSignal | undefined): Promise<IncomingMessage> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (signal?.aborted === true) reject(new PangeaError('ABORTED', 'stopped before the node answered', { cause: error }));
      else if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') reject(notRunning(dataDir, error));
      else if (error.code === 'EACCES' || error.code === 'EPERM') {
        reject(new PangeaError('NODE_NOT_RUNNING', `the control socket of ${dataDir} belongs to another user`, { cause: error }));
      } else reject(vanished(dataDir, error));
    });
  });
  answered.catch(() => undefined);
  return answered;
}

/** Sends the body, each chunk flushed before the next is asked for, and stops early when the node has already answered. */
async function send(request: ClientRequest, body: AsyncIterable<Uint8Array>, answered: Promise<unknown>): Promise<void> {
  let over = false;
  // The node may refuse before the first byte is there.
  request.flushHeaders();
  const answer = answered.then(() => 'answered' as const, () => 'answered' as const).finally(() => { over = true; });
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([chunks.next(), answer]);
      if (next === 'answered') break;
      if (next.done === true) return void request.end();
      if (next.value.length > 0) await Promise.race([flushed(request, next.value), answer]);
      if (over) break;
    }
  } catch (error) {
    request.destroy();
    throw error;
  }
  // A reader that is stuck (a silent pipe) must not hold the answer back: its end is not awaited.
  void chunks.return?.().catch(() => undefined);
}

function flushed(request: ClientRequest, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    // A failed write shows as the request's 'error', which `answered` reports with its cause.
    request.write(chunk, () => resolve());
  });
}

async function readJson(response: IncomingMessage, dataDir: string): Promise<unknown> {
  const parts: Buffer[] = [];
  try {
    for await (const chunk of response) parts.push(chunk as Buffer);
    return parseJson(Buffer.concat(parts).toString('utf8'), deepestAnswer)?.value;
  } catch (error) {
    throw vanished(dataDir, error);
  }
}

function notRunning(dataDir: string, cause?: unknown): PangeaError {
  return new PangeaError('NODE_NOT_RUNNING', `no node is running on ${dataDir}: start it with "pangea-node start --data-dir ${dataDir}"`, { cause });
}

function vanished(dataDir: string, cause?: unknown): PangeaError {
  return new PangeaError('NODE_NOT_RUNNING', `the node on ${dataDir} went away in the middle of the call`, { cause });
}
