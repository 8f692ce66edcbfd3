/** A reference to an object of the remote's. */
import type { Message } from 'capnp-es';
import type { Answered, Capability, RemoteCapability } from './engine.ts';
import { unreachable } from './failure.ts';

/** What a reference needs of its connection. */
export interface Caller {
  ask(target: number, interfaceId: bigint, methodId: number, params: Message, capabilities: readonly (Capability | undefined)[] | undefined): Promise<Answered>;
  letGo(target: number): void;
}

export class Remote implements RemoteCapability {
  readonly caller: Caller;
  readonly handle: number;
  isKept = false;
  #released = false;

  constructor(caller: Caller, handle: number) {
    this.caller = caller;
    this.handle = handle;
  }

  call(interfaceId: bigint, methodId: number, params: Message, capabilities?: readonly Capability[]): Promise<Answered> {
    if (this.#released) return Promise.reject(unreachable());
    return this.caller.ask(this.handle, interfaceId, methodId, params, capabilities);
  }

  keep(): void {
    this.isKept = true;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.caller.letGo(this.handle);
  }
}
