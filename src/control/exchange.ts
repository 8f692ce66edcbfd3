import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream';
import { PangeaError } from '../errors/errors.ts';
import { checkShape, type Shape, type Shaped } from './fields.ts';
import { fromHeader, header, toHeader, wireErrorOf } from './outcome.ts';

/** One call being served: its options, its body, and the ways to answer. */
export class Exchange {
  /** Aborted when the client goes away before it has the whole answer. */
  readonly signal: AbortSignal;
  /** Aborted when the node stops: for answers that have no end of their own. */
  readonly closing: AbortSignal;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse, closing: AbortSignal) {
    const gone = new AbortController();
    this.signal = gone.signal;
    this.closing = closing;
    this.#request = request;
    this.#response = response;
    finished(response, (error) => {
      if (error) gone.abort(new PangeaError('ABORTED', 'the client went away'));
    });
  }

  options<S extends Shape>(shape: S): Shaped<S> {
    const checked = checkShape(fromHeader(this.#request.headers[header.options]) ?? {}, shape);
    if ('value' in checked) return checked.value;
    throw new PangeaError('USAGE', `${header.options}: ${checked.misfit.slice(0, 80)} is missing, unknown or out of range`);
  }

  /** The request's body. Ends with `ABORTED` when the client stopped in the middle. */
  async *body(): AsyncGenerator<Uint8Array> {
    try {
      // A call that needs no more of it must still be able to answer, so leaving the loop does not end the connection.
      for await (const chunk of this.#request.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
    } catch (error) {
      throw new PangeaError('ABORTED', 'the client went away in the middle of its data', { cause: error });
    }
  }

  /** The whole body as text of at most so many bytes; `USAGE` beyond. */
  async text(maxBytes: number): Promise<string> {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of this.body()) {
      bytes += part.length;
      if (bytes > maxBytes) throw new PangeaError('USAGE', `this call takes at most ${maxBytes} bytes of data`);
      parts.push(part);
    }
    return Buffer.concat(parts).toString('utf8');
  }

  json(value: unknown, status = 200): void {
    this.#response.writeHead(status, { 'content-type': 'application/json' });
    this.#response.end(`${JSON.stringify(value)}\n`);
  }

  /** Chunks are written one after the other, each flushed before the next is asked for; then the outcome follows as trailer. */
  async stream(object: unknown, contentType: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.#response.writeHead(200, {
      'content-type': contentType, trailer: header.outcome, ...(object === undefined ? {} : { [header.object]: toHeader(object) }),
    });
    this.#response.flushHeaders();
    for await (const chunk of chunks) if (chunk.length > 0) await this.#write(chunk);
    this.#response.addTrailers({ [header.outcome]: toHeader('ok') });
    this.#response.end();
  }

  /** As a JSON answer, or as the outcome of a stream that has begun. */
  fail(error: PangeaError): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    if (this.#response.headersSent) {
      this.#response.addTrailers({ [header.outcome]: toHeader(wireErrorOf(error)) });
      this.#response.end();
      return;
    }
    // What the client still sends is read and dropped until it hangs up. Closing here, as the client's "connection: close" asks
    // for, would reset the socket under an answer that it has not read yet.
    this.#request.resume();
    this.#response.setHeader('connection', 'keep-alive');
    this.json({ error: wireErrorOf(error) }, statusOf(error));
  }

  #write(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(this.signal.reason as Error);
      if (this.signal.aborted) return onAbort();
      this.signal.addEventListener('abort', onAbort, { once: true });
      this.#response.write(chunk, (error) => {
        this.signal.removeEventListener('abort', onAbort);
        if (error) reject(new PangeaError('ABORTED', 'the client went away', { cause: error }));
        else resolve();
      });
    });
  }
}

/** For people with curl; clients go by the code in the body. */
function statusOf({ code }: PangeaError): number {
  if (code === 'NOT_FOUND') return 404;
  if (code === 'USAGE' || code.endsWith('_INVALID') || code === 'LINK_TRUNCATED') return 400;
  return 500;
}
