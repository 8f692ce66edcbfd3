/** The swarm on rust-libp2p in the addon. */
import { PangeaError } from '../errors/errors.ts';
import type { Native } from '../native/native.ts';
import type { Clock } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import type { Host, HostOptions } from './host.ts';

export interface NativeHostOptions extends HostOptions {
  readonly native: Native;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Rejects with `PORT_IN_USE` or `ADDRESS_INVALID`. */
export function openNativeHost(options: NativeHostOptions): Promise<Host> {
  return Promise.reject(new PangeaError('NATIVE_UNAVAILABLE', `no libp2p in this addon, for ${options.agentVersion}`));
}
