/** A call of the remote's on a servant of ours. */
import type { Message } from 'capnp-es';
import { setTable } from './capabilities.ts';
import type { Capability, IncomingCall } from './engine.ts';
import { Remote } from './remote.ts';

export class Incoming implements IncomingCall {
  readonly id: number;
  readonly interfaceId: bigint;
  readonly methodId: number;
  readonly params: Message;
  readonly capabilities: readonly (Capability | undefined)[];
  /** Nobody waits for the answer any more. */
  isCancelled = false;
  // An AbortController costs more than all the rest of a small call, and few methods look at it.
  #controller: AbortController | undefined;

  constructor(id: number, interfaceId: bigint, methodId: number, params: Message, capabilities: readonly (Capability | undefined)[]) {
    this.id = id;
    this.interfaceId = interfaceId;
    this.methodId = methodId;
    this.params = params;
    this.capabilities = capabilities;
    setTable(params, capabilities);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.isCancelled) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  cancel(): void {
    this.isCancelled = true;
    this.#controller?.abort();
  }

  /** Lets go of what the parameters brought and nobody wanted to keep. */
  end(): void {
    for (const capability of this.capabilities) if (capability instanceof Remote && !capability.isKept) capability.release();
  }
}
