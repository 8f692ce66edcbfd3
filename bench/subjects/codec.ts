/** A backend of the codec as a subject: every call through the TypeScript contract, timed from JavaScript, as the node makes it. */
import type { Body } from '../../src/body/body.ts';
import type { Codec, Compression } from '../../src/codec/codec.ts';
import { mapConcurrent } from '../../src/std/std.ts';
import { dataRows, type Measured, type MeasureRequest, type Op, parityRows } from '../protocol.ts';
import { checkOf, type Served, timed } from './serve.ts';

const key = new Uint8Array(32).fill(7);
const associatedData = new Uint8Array(0);
const segments = 8;
const context = { salt: new Uint8Array(32), stripe: 0, segmentsInStripe: segments };
const parity = Array.from({ length: parityRows }, (_, row) => dataRows + row);
const lost = [0, 1, 2, 3];

export interface Workload {
  readonly call: () => unknown;
  readonly check?: () => Promise<string>;
}

export type Make = (codec: Codec, request: MeasureRequest, data: Buffer, body: (bytes: Uint8Array) => Body) => Promise<Workload> | Workload;

const workloads: Partial<Record<Op, Make>> = {
  copy: (_codec, _request, data) => {
    const target = Buffer.alloc(data.length);
    return { call: () => target.set(data) };
  },
  hash: (codec, _request, data, body) => {
    const piece = body(data);
    return { call: () => codec.identity(piece) };
  },
  seal: (codec, _request, data) => ({ call: () => codec.seal(key, data, associatedData) }),
  open: (codec, _request, data) => {
    const sealed = codec.seal(key, data, associatedData);
    return { call: () => codec.open(key, sealed, associatedData) };
  },
  'rs-encode': (codec, request, data, body) => rebuild(codec, request, shardsOf(data, request.bytes, body), parity),
  'rs-decode': async (codec, request, data, body) => rebuild(codec, request, await without(lost, codec, request, data, body), lost),
  'rs-repair': async (codec, request, data, body) => rebuild(codec, request, await without([0], codec, request, data, body), [0]),
  'whole-encode': (codec, { level }, data) => ({
    call: async () => release((await codec.encodeWhole({ plaintext: [data], key, compression: compressionOf(level) })).shards),
  }),
  'whole-decode': async (codec, { level }, data) => {
    const { shards } = await codec.encodeWhole({ plaintext: [data], key, compression: compressionOf(level) });
    const damaged = shards.map((shard, row) => (lost.includes(row) ? null : shard));
    return { call: async () => (await codec.decodeWhole({ shards: damaged, key, maxBytes: data.length })).release() };
  },
  'stripe-encode': (codec, { level }, data) => ({
    call: async () => release((await codec.encodeStripe({ plaintext: [data], segmentLengths: lengthsOf(data), key, context, compression: compressionOf(level) })).shards),
  }),
  'stripe-open': async (codec, { level, threads = 1 }, data) => {
    const lengths = lengthsOf(data);
    const { shards } = await codec.encodeStripe({ plaintext: [data], segmentLengths: lengths, key, context, compression: compressionOf(level) });
    const open = async (plaintextBytes: number, segment: number): Promise<void> =>
      (await codec.openSegment({ sealed: shards[segment] as Body, segment, plaintextBytes, key, context })).release();
    return { call: () => mapConcurrent([...lengths.entries()], threads === 1 ? 1 : lengths.length, ([segment, bytes]) => open(bytes, segment)) };
  },
};

/** Without a level the content decides, as it does for objects. */
function compressionOf(level: number | undefined): Compression {
  return level === undefined ? { kind: 'auto', minLevel: 3, maxLevel: 9 } : level === 0 ? 'store' : level;
}

function lengthsOf(data: Buffer): number[] {
  return Array.from({ length: segments }, () => data.length / segments);
}

function shardsOf(data: Buffer, bytes: number, body: (bytes: Uint8Array) => Body): (Body | null)[] {
  const rows = Array.from({ length: dataRows }, (_, row) => body(data.subarray(row * bytes, (row + 1) * bytes)));
  return [...rows, ...parity.map(() => null)];
}

async function without(missing: readonly number[], codec: Codec, request: MeasureRequest, data: Buffer, body: (bytes: Uint8Array) => Body): Promise<(Body | null)[]> {
  const shards = shardsOf(data, request.bytes, body);
  const made = await codec.reconstruct({ shards, lengths: shards.map(() => request.bytes), rows: parity });
  return [...shards.slice(0, dataRows), ...made].map((shard, row) => (missing.includes(row) ? null : shard));
}

function rebuild(codec: Codec, { bytes, op }: MeasureRequest, shards: readonly (Body | null)[], rows: readonly number[]): Workload {
  const request = { shards, lengths: shards.map(() => bytes), rows };
  return {
    call: async () => release(await codec.reconstruct(request)),
    ...(op === 'rs-repair' ? {} : { check: async () => checkOf((await codec.reconstruct(request)).map((row) => row.bytes())) }),
  };
}

/** The bytes that a backend gives for rs-encode and rs-decode; other ops have none to compare. */
export async function checkWith(codec: Codec, request: MeasureRequest, data: Buffer, body: (bytes: Uint8Array) => Body): Promise<string> {
  if (request.op !== 'rs-encode' && request.op !== 'rs-decode') return '';
  return (await (await workloads[request.op]?.(codec, request, data, body))?.check?.()) ?? '';
}

function release(bodies: readonly Body[]): void {
  for (const body of bodies) body.release();
}

export interface CodecSubject {
  readonly version: string;
  readonly language: string;
  /** Brings bytes to where the backend works on them, before the timing. */
  body(bytes: Uint8Array): Body;
  /** Stages that the backend lends out without the contract around them. */
  readonly stages?: Partial<Record<Op, Make>>;
}

export function codecSubject(codec: Codec, { version, language, body, stages }: CodecSubject): Served {
  const { kernels } = codec;
  const all = { ...workloads, ...stages };
  return {
    hello: {
      name: `Pangea ${codec.name}`, version, language, ops: Object.keys(all), stages: { ...kernels },
      detail: `reed-solomon ${kernels.reedSolomon}, seal ${kernels.seal}, hash ${kernels.hash}, compress ${kernels.compress}`,
    },
    async measure(request, data): Promise<Measured> {
      const make = all[request.op];
      if (make === undefined) throw new Error(`${codec.name} has no ${request.op} of its own`);
      const workload = await make(codec, request, data, body);
      return { check: (await workload.check?.()) ?? '', rates: await timed(request, workload.call) };
    },
  };
}
