/**
 * Looks at every hop between this node and the world, one after the other from the disk outwards, and says what to do about
 * what is wrong. Nothing is changed by looking; nobody is asked whom the configuration does not name.
 */
import type { DoctorCheck, DoctorReport, GraphStatus } from '../api/api.ts';
import type { NodeConfig } from '../config/config.ts';
import { systemClock } from '../std/std.ts';
import type { Disk } from './disk.ts';
import { checkGraph } from './doctor-graph.ts';
import { checkBuffers, checkClock, checkDataDirectory } from './doctor-machine.ts';
import { checkAllow, checkBootstrap, checkListening, probeOf } from './doctor-network.ts';
import {
  checkDht, checkOwnRecord, checkPeers, checkPunches, checkReachability, checkRelays, checkShardPath, checkUpnp, checkWebrtc,
} from './doctor-reach.ts';
import { checkStun } from './doctor-stun.ts';
import type { Network } from './network.ts';

export interface DoctorParts {
  readonly config: NodeConfig;
  readonly network: Network;
  readonly disk: Disk;
  readonly graph: GraphStatus;
}

export async function diagnose({ config, network, disk, graph }: DoctorParts): Promise<DoctorReport> {
  const { host } = network;
  const report = host.natReport();
  const isPrivate = disk.membership !== undefined;
  const [machine, bootstrap, own, stun] = await Promise.all([
    checkMachine(config),
    checkBootstrap(config, (address) => probeOf(host, address, systemClock)),
    checkOwnRecord(host),
    checkStun(config),
  ]);
  return {
    reachability: report.reachability,
    confirmed: report.confirmed,
    checks: [
      ...machine,
      checkListening([...host.multiaddrs(), ...(network.quic?.addresses() ?? [])], config),
      checkAllow(network.firewall.allow, config, isPrivate),
      ...bootstrap,
      checkPeers(network),
      checkShardPath(network),
      checkDht(host, config),
      own,
      checkReachability(report, config),
      checkUpnp(report),
      checkRelays(report, config),
      checkPunches(report),
      ...stun,
      checkWebrtc(network, config),
      ...checkGraph(graph, config),
    ],
  };
}

/** What can be looked at while no node runs. */
export async function diagnoseOffline(config: NodeConfig): Promise<DoctorReport> {
  const [machine, bootstrap, stun] = await Promise.all([
    checkMachine(config),
    checkBootstrap(config, (address) => probeOf(undefined, address, systemClock)),
    checkStun(config),
  ]);
  const listens = [config.p2pAddr, config.dhtAddr].map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  const notRunning: DoctorCheck = {
    check: 'node', verdict: 'unknown', detail: `no node runs on ${config.dataDir}: what only a running node can see is left out`,
    advice: 'start it with "pangea-node start", then ask again',
  };
  return {
    reachability: 'unknown', confirmed: [],
    checks: [notRunning, ...machine, checkListening(listens, config), checkAllow(config.allow, config, false), ...bootstrap, ...stun],
  };
}

async function checkMachine(config: NodeConfig): Promise<readonly DoctorCheck[]> {
  return [await checkDataDirectory(config.dataDir), checkClock(systemClock), await checkBuffers()];
}
