/** Requests to an S3-compatible service: signed, limited in time and size, repeated while that can help. */
import { AwsClient } from 'aws4fetch';
import { type ErrorCode, PangeaError } from '../../errors/errors.ts';
import { type Clock, concatBytes, type Random, toHex } from '../../std/std.ts';

export interface S3Place {
  readonly bucket: string;
  /** Before all keys, with no `/` at its ends; empty for the whole bucket. */
  readonly prefix: string;
  /** `https://s3.eu-central-1.amazonaws.com` and the like; the bucket is put into the path. */
  readonly endpoint: string;
  readonly region: string;
}

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface S3Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch?: (request: Request) => Promise<Response>;
}

export interface S3Answer {
  readonly status: number;
  readonly etag: string | undefined;
  readonly text: string;
}

export const s3Limits = {
  /** How often a request is sent in all, when the service is down, overloaded or silent. */
  attempts: 5,
  firstPauseMs: 100,
  mostPauseMs: 5_000,
  /** Of one request, its answer included. */
  timeoutMs: 30_000,
  /** Of one answer. */
  answerBytes: 64 * 2 ** 20,
} as const;

/** Answers that the caller understands; others become errors. */
const expected = new Set([200, 204, 404, 409, 412]);
const passing = new Set([408, 429, 500, 502, 503, 504]);

export class S3Client {
  readonly #place: S3Place;
  readonly #aws: AwsClient;
  readonly #surroundings: S3Surroundings;

  constructor(place: S3Place, keys: S3Keys, surroundings: S3Surroundings) {
    this.#place = place;
    const { accessKeyId, secretAccessKey, sessionToken } = keys;
    this.#aws = new AwsClient({ accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }), service: 's3', region: place.region, retries: 0 });
    this.#surroundings = surroundings;
  }

  /** `key` of letters that need no escape, without the prefix. Status 200 or 404. */
  get(key: string): Promise<S3Answer> {
    return this.#request('GET', this.#url(key));
  }

  /** Status 200, or 409 or 412 when the object is not (or no more) as `match` says: undefined for absent. */
  put(key: string, text: string, match: string | undefined): Promise<S3Answer> {
    return this.#request('PUT', this.#url(key), { body: text, headers: match === undefined ? { 'If-None-Match': '*' } : { 'If-Match': match } });
  }

  /** One page of the keys under `prefix`, behind `after`. */
  async list(prefix: string, after: string | undefined): Promise<{ readonly keys: readonly string[]; readonly more: boolean }> {
    const root = this.#rooted('');
    const url = new URL(this.#bucketUrl());
    url.searchParams.set('list-type', '2');
    url.searchParams.set('encoding-type', 'url');
    url.searchParams.set('prefix', root + prefix);
    if (after !== undefined) url.searchParams.set('start-after', root + after);
    const { status, text } = await this.#request('GET', url);
    if (status !== 200) throw new PangeaError('STORE_MISSING', `${this.#name()}: there is no such bucket`);
    const keys = [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => decodeURIComponent(key as string).slice(root.length));
    return { keys, more: /<IsTruncated>true<\/IsTruncated>/.test(text) };
  }

  async #request(method: string, url: URL, init: { readonly body?: string; readonly headers?: Record<string, string> } = {}): Promise<S3Answer> {
    const { clock, random } = this.#surroundings;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#once(method, url, init);
      if (!(answer instanceof PangeaError)) return answer;
      if (attempt === s3Limits.attempts || answer.data['passing'] !== true) throw answer;
      const pauseMs = Math.min(s3Limits.firstPauseMs * 2 ** (attempt - 1), s3Limits.mostPauseMs);
      await clock.sleep(pauseMs * (0.5 + random.unit() / 2));
    }
  }

  async #once(method: string, url: URL, { body, headers = {} }: { readonly body?: string; readonly headers?: Record<string, string> }): Promise<S3Answer | PangeaError> {
    const signal = AbortSignal.timeout(s3Limits.timeoutMs);
    let response: Response;
    let text: string;
    try {
      const bytes = new TextEncoder().encode(body ?? '');
      const digest = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
      const request = await this.#aws.sign(url.href, { method, signal, headers: { ...headers, 'X-Amz-Content-Sha256': digest }, ...(body !== undefined && { body: bytes }) });
      response = await (this.#surroundings.fetch ?? fetch)(request);
      text = await limited(response);
    } catch (cause) {
      if (cause instanceof PangeaError) return cause;
      return this.#error(signal.aborted ? 'TIMEOUT' : 'STORE_IO', signal.aborted ? `no answer within ${s3Limits.timeoutMs / 1000} s` : reason(cause), true, cause);
    }
    const { status } = response;
    if (status === 404 && text.includes('NoSuchBucket')) return this.#error('STORE_MISSING', 'there is no such bucket', false);
    if (expected.has(status)) return { status, etag: response.headers.get('etag') ?? undefined, text };
    const said = `${status} ${/<Code>([A-Za-z.]{1,64})<\/Code>/.exec(text)?.[1] ?? ''}`.trim();
    if (status === 401 || status === 403) return this.#error('DENIED', `refused our keys (${said})`, false);
    return this.#error(status === 507 ? 'STORE_FULL' : 'STORE_IO', `answered ${said}`, passing.has(status));
  }

  #error(code: ErrorCode, what: string, isPassing: boolean, cause?: unknown): PangeaError {
    return new PangeaError(code, `${this.#name()}: ${what}`, { data: { passing: isPassing }, cause });
  }

  #name(): string {
    return `bucket ${this.#place.bucket} at ${new URL(this.#place.endpoint).host}`;
  }

  #rooted(key: string): string {
    return this.#place.prefix === '' ? key : `${this.#place.prefix}/${key}`;
  }

  #bucketUrl(): string {
    return `${this.#place.endpoint.replace(/\/+$/, '')}/${this.#place.bucket}`;
  }

  #url(key: string): URL {
    return new URL(`${this.#bucketUrl()}/${this.#rooted(key).split('/').map(encodeURIComponent).join('/')}`);
  }
}

async function limited(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > s3Limits.answerBytes) throw new PangeaError('TOO_LARGE', `an answer of the object service has more than ${s3Limits.answerBytes} bytes`);
    parts.push(chunk);
  }
  return new TextDecoder().decode(concatBytes(...parts));
}

/** `fetch` says only "fetch failed"; what happened stands in its cause. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : message;
}
