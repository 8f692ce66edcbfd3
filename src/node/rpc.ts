/** The RPC port as the configuration wants it: token, certificates, engine. */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { NodeApi } from '../api/api.ts';
import { formatAddress, type NodeConfig } from '../config/config.ts';
import { PangeaError } from '../errors/errors.ts';
import type { NativeLoad } from '../native/native.ts';
import { openRpcServer, type RpcServer, type RpcServerOptions } from '../rpc/rpc.ts';
import type { Logger, Metrics } from '../telemetry/telemetry.ts';
import { rpcToken, rpcTokenPath } from './rpc-token.ts';

export interface RpcParts {
  readonly config: NodeConfig;
  readonly api: NodeApi;
  readonly native: NativeLoad;
  readonly admit: (address: string) => boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface OpenedRpc {
  readonly server: RpcServer;
  /** `host:port`, or what is wrong with it. */
  address(): string;
  /** For start-up. */
  readonly detail: string;
}

/** Throws `PORT_IN_USE`, `CONFIG_INVALID` (certificates), and what the token file has against it. */
export async function openRpc({ config, api, native, admit, logger, metrics }: RpcParts): Promise<OpenedRpc> {
  const { dataDir, rpcAddr, rpcAuth } = config;
  if (rpcAuth === 'off') logger.warn({}, 'rpc-auth is off: whoever reaches the RPC port may read and remove everything');
  else await rpcToken(dataDir);
  const tls = await tlsFiles(config);
  const { engine, why } = engineOf(native);
  const server = await openRpcServer({
    listen: rpcAddr, api, tls, admit, engine, logger, metrics,
    token: rpcAuth === 'off' ? undefined : () => rpcToken(dataDir),
  });
  const address = formatAddress({ host: rpcAddr.host, port: server.port });
  return {
    server,
    address: () => (server.isUp ? address : `${address} (down: starting again)`),
    detail: [
      address, `engine ${why}`,
      ...(tls === undefined ? [] : [tls.clientCa === undefined ? 'TLS' : 'TLS with client certificates']),
      rpcAuth === 'off' ? 'no token asked for' : `token in ${rpcTokenPath(dataDir)}`,
    ].join(', '),
  };
}

function engineOf(native: NativeLoad): { engine: 'native' | 'wasm'; why: string } {
  if (!native.ok) return { engine: 'wasm', why: `wasm (${native.reason})` };
  return 'RpcConnection' in native.native ? { engine: 'native', why: 'native' } : { engine: 'wasm', why: 'wasm (the addon was built without it)' };
}

async function tlsFiles({ rpcTlsCert, rpcTlsKey, rpcTlsClientCa }: NodeConfig): Promise<RpcServerOptions['tls']> {
  if (rpcTlsCert === undefined && rpcTlsKey === undefined && rpcTlsClientCa === undefined) return undefined;
  if (rpcTlsCert === undefined || rpcTlsKey === undefined) {
    throw new PangeaError('CONFIG_INVALID', 'TLS on the RPC port needs both rpc-tls-cert and rpc-tls-key');
  }
  const [certificate, key, clientCa] = await Promise.all([rpcTlsCert, rpcTlsKey, rpcTlsClientCa].map((path) => path && readPem(path)));
  try {
    createSecureContext({ cert: certificate, key, ca: clientCa });
  } catch (error) {
    throw new PangeaError('CONFIG_INVALID', `certificate and key of the RPC port: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return { certificate: certificate ?? '', key: key ?? '', ...(clientCa === undefined ? {} : { clientCa }) };
}

async function readPem(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: Error) => {
    throw new PangeaError('CONFIG_INVALID', `cannot read ${path}: ${error.message}`, { cause: error, data: { path } });
  });
}
