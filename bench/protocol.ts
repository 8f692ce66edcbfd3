/**
 * What a subject of the benchmark, ours or a rival, speaks: one JSON request a line on stdin, one JSON reply a line on
 * stdout, in order; stderr is free text; the end of stdin ends the program. A subject warms up once, then repeats the
 * call until `roundMs` has passed, `rounds` times.
 */

/** In the order in which reports show them. `rs-decode` has lost rows 0–3, `rs-repair` row 0, `whole-decode` data rows 0–3. */
export const ops = [
  'copy', 'rs-encode', 'rs-decode', 'rs-repair', 'seal', 'open', 'hash', 'store', 'compress', 'decompress',
  'whole-encode', 'whole-decode', 'stripe-encode', 'stripe-open',
] as const;

export type Op = (typeof ops)[number];

export interface Hello {
  readonly name: string;
  readonly version: string;
  readonly language: string;
  readonly detail: string;
  readonly ops: readonly string[];
  /** Of our own subjects: what `kernel` and `cipher` of a request may name, best first, and what each stage runs on without them. */
  readonly kernels?: readonly string[];
  readonly ciphers?: readonly string[];
  readonly stages?: Readonly<Record<string, string>>;
}

export interface MeasureRequest {
  readonly op: Op;
  /** Holds the data: for rs-* shard i is bytes i × `bytes`…, otherwise it is the first `bytes` bytes. */
  readonly file: string;
  readonly bytes: number;
  readonly rounds: number;
  readonly roundMs: number;
  /** zstd level; 0 stores. Without it a pipeline decides by content, between levels 3 and 9. */
  readonly level?: number;
  readonly threads?: number;
  /** So many calls at a time, whose rates are added: 1 unless given. Only our native subject takes more. */
  readonly calls?: number;
  readonly kernel?: string;
  readonly cipher?: string;
}

export interface Measured {
  /** Bytes of data a second, one a round. */
  readonly rates: readonly number[];
  /** xxhash64 of the 4 parity rows (rs-encode) or of the 4 rebuilt rows (rs-decode); empty where output is random. */
  readonly check: string;
}

export const dataRows = 8;
export const parityRows = 4;

/** Bytes of data that one call works on. */
export function dataBytesOf({ op, bytes }: Pick<MeasureRequest, 'op' | 'bytes'>): number {
  return op.startsWith('rs-') ? bytes * dataRows : bytes;
}

/** Refuses a reply that is not one, so that a broken subject is named instead of giving figures. */
export function parseMeasured(reply: unknown, request: MeasureRequest): Measured {
  const { rates, check } = (reply ?? {}) as Partial<Measured>;
  const good = Array.isArray(rates) && rates.length === request.rounds && rates.every((rate) => Number.isFinite(rate) && rate > 0) && typeof check === 'string';
  if (!good) throw new Error(`the reply to ${request.op} is not ${request.rounds} rates and a check: ${JSON.stringify(reply).slice(0, 200)}`);
  return { rates: rates as number[], check };
}

export function parseHello(reply: unknown): Hello {
  const hello = (reply ?? {}) as Partial<Hello>;
  if (typeof hello.name !== 'string' || !Array.isArray(hello.ops)) throw new Error(`the reply to hello names no subject: ${JSON.stringify(reply).slice(0, 200)}`);
  return { version: '', language: '', detail: '', ...hello } as Hello;
}
