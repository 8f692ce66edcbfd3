/** The subject's side of `../protocol.ts`, for subjects in TypeScript. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { xxh64 } from '@node-rs/xxhash';
import { dataBytesOf, type Hello, type Measured, type MeasureRequest } from '../protocol.ts';

export interface Served {
  readonly hello: Hello;
  measure(request: MeasureRequest, data: Buffer): Promise<Measured>;
}

/** Answers requests until stdin ends. What `make` or a request throws becomes the answer. */
export async function serve(make: () => Served | Promise<Served>): Promise<void> {
  let served: Served | undefined;
  let held: { file: string; data: Buffer } | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    let reply: unknown;
    try {
      const request = JSON.parse(line) as MeasureRequest | { readonly op: 'hello' };
      served ??= await make();
      if (request.op === 'hello') reply = served.hello;
      else {
        if (held?.file !== request.file) held = { file: request.file, data: readFileSync(request.file) };
        const needed = dataBytesOf(request);
        if (held.data.length < needed) throw new Error(`${request.file} has ${held.data.length} bytes, ${request.op} needs ${needed}`);
        reply = await served.measure(request, held.data.subarray(0, needed));
      }
    } catch (error) {
      reply = { error: error instanceof Error ? error.message : String(error) };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
  process.exit();
}

/** Times `call` from JavaScript as the protocol asks. Memory that a call gives is given back by the call itself. */
export async function timed(request: MeasureRequest, call: () => unknown): Promise<number[]> {
  await call();
  const bytes = dataBytesOf(request);
  const rates: number[] = [];
  for (let round = 0; round < request.rounds; round++) {
    const start = performance.now();
    let calls = 0;
    let elapsedMs = 0;
    do {
      const pending = call();
      if (pending instanceof Promise) await pending;
      calls++;
      elapsedMs = performance.now() - start;
    } while (elapsedMs < request.roundMs);
    rates.push((bytes * calls) / (elapsedMs / 1000));
  }
  return rates;
}

/** xxhash64 of the rows joined, 16 hexadecimal digits. */
export function checkOf(rows: readonly Uint8Array[]): string {
  return xxh64(Buffer.concat(rows)).toString(16).padStart(16, '0');
}
