/** Making a private network and entering one: what the command line does to a data directory that no node runs on. */
import type { NodeConfig } from '../config/config.ts';
import { multiaddrOf } from '../config/config.ts';
import { isNodeRunning } from '../control/control.ts';
import { PangeaError } from '../errors/errors.ts';
import { openJsHost, openNativeHost } from '../host/host.ts';
import { createIdentity, createOwnerKeys, initNetwork, loadIdentity, loadOwnerKeys, parseTicket, restoreOwnerKeys } from '../identity/identity.ts';
import { systemClock } from '../std/std.ts';
import { silentLogger, type Logger } from '../telemetry/telemetry.ts';
import { makeDataDirectory } from './disk.ts';
import { joinThroughInviter } from './member-streams.ts';
import { choosePaths, loadPaths, nativeOf, wantsNative } from './paths.ts';

export interface InitResult {
  readonly peerId: string;
  readonly networkId: string;
  /** Shown once; whoever has it can read every object of this owner. */
  readonly recoveryPhrase: string;
}

export interface JoinResult {
  readonly peerId: string;
  readonly networkId: string;
}

/** Makes identity, owner and network in the data directory; `phrase` brings a former owner back. Throws `KEY_FILE_EXISTS`. */
export async function initNode(config: NodeConfig, phrase?: string): Promise<InitResult> {
  const { dataDir } = config;
  await refuseRunning(dataDir);
  const { codec } = await choosePaths(config.force, { logger: silentLogger, calibrate: 'never' });
  const deriveKey = (context: string, material: Uint8Array): Uint8Array => codec.deriveKey(context, material);
  await makeDataDirectory(dataDir);
  const identity = (await loadIdentity(dataDir)) ?? (await createIdentity(dataDir));
  const owner = phrase === undefined
    ? (await loadOwnerKeys(dataDir, deriveKey)) ?? (await createOwnerKeys(dataDir, deriveKey))
    : await restoreOwnerKeys(dataDir, phrase, deriveKey);
  const networkId = await initNetwork({ directory: dataDir, identity, owner, deriveKey, nowMs: systemClock.nowMs() });
  return { peerId: identity.peerId, networkId, recoveryPhrase: owner.recoveryPhrase() };
}

/** Dials the inviter from a free port, proves the token and stores the membership. */
export async function joinNode(config: NodeConfig, ticketText: string, logger: Logger): Promise<JoinResult> {
  const { dataDir } = config;
  const ticket = parseTicket(ticketText);
  await refuseRunning(dataDir);
  await makeDataDirectory(dataDir);
  const identity = (await loadIdentity(dataDir)) ?? (await createIdentity(dataDir));
  const { forced, native } = loadPaths(config.force);
  const options = {
    seed: identity.seed, listen: [multiaddrOf({ host: config.dhtAddr.host, port: 0 })], bootstrap: [], mdns: false, allow: config.allow,
    acceptRecord: () => false, agentVersion: 'pangea-node join', clock: systemClock, logger,
  };
  const host = wantsNative('host', forced, native)
    ? await openNativeHost({ ...options, native: nativeOf(native) })
    : await openJsHost({ ...options, permits: () => true });
  try {
    const networkId = await joinThroughInviter(host, { directory: dataDir, identity, ticket, nowMs: systemClock.nowMs() });
    return { peerId: identity.peerId, networkId };
  } finally {
    await host.close();
  }
}

async function refuseRunning(dataDir: string): Promise<void> {
  if (await isNodeRunning(dataDir)) {
    throw new PangeaError('NODE_ALREADY_RUNNING', `a node is running on ${dataDir}: stop it first, membership is read at start`);
  }
}
