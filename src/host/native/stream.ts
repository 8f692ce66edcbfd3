import { type Body, nativeBody } from '../../body/body.ts';
import { asPangeaError } from '../../errors/errors.ts';
import type { PeerId } from '../../ids/ids.ts';
import type { Native } from '../../native/native.ts';
import type { HostStream } from '../host.ts';

/** A stream of the addon's swarm; bodies pass through it as handles. */
export class NativeHostStream implements HostStream {
  readonly peer: PeerId;
  readonly protocol: string;
  readonly #native: Native;
  readonly #stream: InstanceType<Native['SwarmStream']>;

  constructor(native: Native, stream: InstanceType<Native['SwarmStream']>) {
    this.#native = native;
    this.#stream = stream;
    this.peer = stream.peer as PeerId;
    this.protocol = stream.protocol;
  }

  async read(): Promise<Body | undefined> {
    return (await this.#stream.read().catch(rethrow)) ?? undefined;
  }

  async write(body: Body): Promise<void> {
    if (body.byteLength > 0) await this.#stream.write(nativeBody(this.#native, body)).catch(rethrow);
  }

  async closeWrite(): Promise<void> {
    await this.#stream.closeWrite().catch(rethrow);
  }

  reset(): void {
    this.#stream.reset();
  }
}

function rethrow(error: unknown): never {
  throw asPangeaError(error);
}
