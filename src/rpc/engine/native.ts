/** The engine in the addon. */
import { PangeaError } from '../../errors/errors.ts';
import { loadNative } from '../../native/native.ts';
import { Connection } from './connection.ts';
import type { Engine } from './engine.ts';

/** `NATIVE_UNAVAILABLE` with the reason where there is no addon. */
export function openNativeEngine(): Engine {
  const load = loadNative();
  if (!load.ok) throw new PangeaError('NATIVE_UNAVAILABLE', load.reason);
  if (load.native.RpcConnection === undefined) throw new PangeaError('NATIVE_OUTDATED', 'the addon has no RPC engine: run "npm run setup"');
  const { RpcConnection } = load.native;
  return { name: 'native', connect: (options) => new Connection((limits) => new RpcConnection(limits), options) };
}
