/**
 * Threads of Node that make calls, each with an instance of the module.
 *
 * Inputs go through a mailbox that both threads see, a piece a turn of the event loop: the bytes of a large block
 * copied at once would hold it for longer than 5 ms. Outcomes come back as memory that changes hands.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { asPangeaError, PangeaError } from '../../../errors/errors.ts';
import type { Call, Inputs, Outcome } from './call.ts';
import type { WasmModule } from './engine.ts';
import type { Runner } from './wasm.ts';

/** Each holds up to 64 MiB and a mailbox when idle; more of them than this gain little on machines that lack the addon. */
const maxThreads = 4;
/** Calls that may wait. Callers bound what they have in flight far below it. */
export const maxWaiting = 1024;
/** Some 0.2 ms of copying. */
const pieceBytes = 1024 * 1024;
/** What an idle thread's mailbox may keep. */
const maxIdleMailboxBytes = 16 * 1024 * 1024;

/** What a thread is asked. `mailbox` comes where it is another than before. */
export interface Request {
  readonly call: Call;
  readonly lengths: readonly (number | null)[];
  readonly mailbox?: SharedArrayBuffer;
}

/** What it answers; a failure is the text `CODE: message`. */
export type Answer = { readonly outcome: Outcome } | { readonly failure: string };

interface Job {
  readonly call: Call;
  readonly inputs: Inputs;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: PangeaError) => void;
}

/** Threads start with the first calls, and keep the process only while they work. */
export function createPool(module: WasmModule, threads: number = Math.min(availableParallelism(), maxThreads)): Runner {
  const pool = new Pool(module, threads);
  return (call, inputs) => pool.run(call, inputs);
}

class Pool {
  readonly #module: WasmModule;
  readonly #size: number;
  readonly #threads = new Set<Thread>();
  readonly #waiting: Job[] = [];

  constructor(module: WasmModule, size: number) {
    this.#module = module;
    this.#size = size;
  }

  run(call: Call, inputs: Inputs): Promise<Outcome> {
    if (this.#waiting.length >= maxWaiting) {
      return Promise.reject(new PangeaError('INTERNAL', `${maxWaiting} calls of the codec are waiting already: wait for some before making more`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, inputs, resolve, reject });
      this.#assign();
    });
  }

  #assign(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#idle();
      const job = thread && this.#waiting.shift();
      if (job === undefined) return;
      void thread?.work(job).then(() => this.#assign());
    }
  }

  #idle(): Thread | undefined {
    for (const thread of this.#threads) if (!thread.busy) return thread;
    if (this.#threads.size >= this.#size) return undefined;
    const thread = new Thread(this.#module, () => this.#threads.delete(thread));
    this.#threads.add(thread);
    return thread;
  }
}

class Thread {
  readonly #worker: Worker;
  #mailbox = new SharedArrayBuffer(0);
  #answer: ((answer: Answer) => void) | undefined;
  #busy = false;

  constructor(module: WasmModule, ended: () => void) {
    this.#worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: module, env: {}, execArgv: [] });
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => this.#answer?.(answer));
    const gone = (why: string): void => {
      ended();
      this.#answer?.({ failure: `INTERNAL: a thread of the codec ended: ${why}` });
    };
    this.#worker.on('error', (error) => gone(error instanceof Error ? error.message : String(error)));
    this.#worker.on('exit', (code) => gone(`exit ${code}`));
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Settles the job; never rejects itself. */
  async work({ call, inputs, resolve, reject }: Job): Promise<void> {
    this.#busy = true;
    this.#worker.ref();
    try {
      const answered = new Promise<Answer>((done) => (this.#answer = done));
      const renewed = await this.#fill(inputs);
      const lengths = inputs.map((bytes) => bytes && bytes.length);
      this.#worker.postMessage({ call, lengths, ...(renewed && { mailbox: this.#mailbox }) } satisfies Request);
      const answer = await answered;
      if ('failure' in answer) reject(asPangeaError(new Error(answer.failure)));
      else resolve(answer.outcome);
    } catch (error) {
      reject(asPangeaError(error));
    } finally {
      this.#answer = undefined;
      this.#busy = false;
      this.#worker.unref();
    }
  }

  /** Writes the inputs to the mailbox and tells whether that is a new one. */
  async #fill(inputs: Inputs): Promise<boolean> {
    const total = inputs.reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0);
    const renew = total > this.#mailbox.byteLength || (this.#mailbox.byteLength > maxIdleMailboxBytes && total <= maxIdleMailboxBytes);
    if (renew) this.#mailbox = new SharedArrayBuffer(Math.ceil(total / pieceBytes) * pieceBytes);
    const mailbox = new Uint8Array(this.#mailbox);
    let at = 0;
    let budget = pieceBytes;
    for (const bytes of inputs) {
      for (let start = 0; bytes !== null && start < bytes.length;) {
        if (budget === 0) {
          await new Promise((turn) => setImmediate(turn));
          budget = pieceBytes;
        }
        const piece = bytes.subarray(start, start + budget);
        mailbox.set(piece, at);
        at += piece.length;
        start += piece.length;
        budget -= piece.length;
      }
    }
    return renew;
  }
}
