/** What the configuration says of the network, and whether those whom it names can be reached. */
import { connect } from 'node:net';
import type { DoctorCheck } from '../api/api.ts';
import { isLoopbackHost, type NodeConfig } from '../config/config.ts';
import { isPangeaError } from '../errors/errors.ts';
import type { Host } from '../host/host.ts';
import { parsePeerId } from '../ids/ids.ts';
import { mapConcurrent, type Clock } from '../std/std.ts';

const dialMs = 5_000;
/** Bootstrap nodes that are dialled; a list that long has a reachable one among its first. */
const mostDialled = 16;
const dialsAtOnce = 4;

/** `addresses`: multiaddrs and `host:port`. */
export function checkListening(addresses: readonly string[], config: NodeConfig): DoctorCheck {
  const check = 'listening';
  const detail = addresses.join(', ') || 'on nothing';
  if (isLoopbackHost(config.p2pAddr.host) && isLoopbackHost(config.dhtAddr.host)) {
    return { check, verdict: 'warning', detail: `on this machine alone: ${detail}`, advice: 'for other machines: --p2p-addr :9090 --dht-addr :9091, and --allow for whom' };
  }
  if (isLoopbackHost(config.p2pAddr.host) || isLoopbackHost(config.dhtAddr.host)) {
    const [inner, outer] = isLoopbackHost(config.p2pAddr.host) ? ['QUIC', 'libp2p'] : ['libp2p', 'QUIC'];
    return { check, verdict: 'warning', detail: `${inner} on this machine alone, ${outer} beyond: ${detail}`, advice: 'let --p2p-addr and --dht-addr name the same host' };
  }
  return { check, verdict: 'ok', detail, advice: '' };
}

export function checkAllow(allow: readonly string[], config: NodeConfig, isPrivate: boolean): DoctorCheck {
  const check = 'allowlist';
  const shown = allow.slice(0, 8).join(', ') + (allow.length > 8 ? ` and ${allow.length - 8} more` : '');
  if (allow.length === 0) return { check, verdict: 'failed', detail: 'it is empty: nobody may connect', advice: 'name addresses with --allow or "pangea-node firewall --set"' };
  const isBeyond = !isLoopbackHost(config.p2pAddr.host) || !isLoopbackHost(config.dhtAddr.host);
  if (isBeyond && !isPrivate && allow.every((block) => block.startsWith('127.') || block === '::1/128' || block === '::1')) {
    return {
      check, verdict: 'warning', detail: `this machine alone may connect (${shown}), though the node listens beyond it`,
      advice: 'let others in: --allow 192.168.0.0/16 for a home network, --allow 0.0.0.0/0 --allow ::/0 for everybody',
    };
  }
  return { check, verdict: 'ok', detail: isPrivate ? `membership decides; addresses from ${shown}` : shown, advice: '' };
}

export interface Probe {
  readonly verdict: DoctorCheck['verdict'];
  readonly detail: string;
  readonly advice: string;
}

/** Each configured bootstrap node by itself. */
export async function checkBootstrap({ bootstrap, mdns }: NodeConfig, probe: (address: string) => Promise<Probe>): Promise<readonly DoctorCheck[]> {
  if (bootstrap.length === 0) {
    const detail = mdns === 'off' ? 'none configured, and mDNS is off: this node waits to be found' : 'none configured: nodes are found by mDNS alone';
    return [{ check: 'bootstrap', verdict: 'warning', detail, advice: 'name a node of the network: --bootstrap /ip4/HOST/tcp/9091/p2p/PEER' }];
  }
  return mapConcurrent(bootstrap.slice(0, mostDialled), dialsAtOnce, async (address) => {
    const { detail, ...found } = await probe(address);
    return { check: 'bootstrap', detail: `${address}: ${detail}`, ...found };
  });
}

/** Dials as libp2p does; where that fails, or there is no host, says how far a plain connection comes. */
export async function probeOf(host: Host | undefined, address: string, clock: Clock): Promise<Probe> {
  const kind = address.includes('/quic') ? 'QUIC' : 'TCP';
  if (host === undefined) return plainProbe(address, kind, clock);
  const startedMs = clock.monotonicMs();
  const named = parsePeerId(/\/p2p\/([^/]+)$/.exec(address)?.[1] ?? '');
  try {
    const peer = await host.dial(address, dialMs);
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    return { verdict: 'ok', detail: `reached over ${kind} in ${tookMs} ms (${named === undefined ? `it is ${peer}` : host.pathTo(peer) ?? 'direct'})`, advice: '' };
  } catch (error) {
    const reason = (error as Error).message;
    if (isPangeaError(error, 'PEER_MISMATCH')) return { verdict: 'failed', detail: reason, advice: 'another node lives there now: take its present address from its "pangea-node status"' };
    if (isPangeaError(error, 'DIAL_REFUSED')) return { verdict: 'failed', detail: reason, advice: 'allow this address with --allow' };
    const plain = await plainProbe(address, kind, clock);
    return { verdict: 'failed', detail: `${reason}; ${plain.detail}`, advice: plain.advice === '' ? 'something else than libp2p answers at this port' : plain.advice };
  }
}

async function plainProbe(address: string, kind: string, clock: Clock): Promise<Probe> {
  const [, family, name, protocol, port] = address.split('/');
  if (protocol !== 'tcp' || name === undefined || !/^(ip4|ip6|dns|dns4|dns6)$/.test(family ?? '')) {
    return { verdict: 'unknown', detail: `whether ${kind} passes shows only to a running node`, advice: 'check that UDP passes on the way there' };
  }
  const reason = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ host: name, port: Number(port) });
    const late = clock.after(dialMs, () => end(`no answer within ${dialMs / 1000} s`));
    const end = (failure: string | undefined): void => {
      late.cancel();
      socket.destroy();
      resolve(failure);
    };
    socket.once('connect', () => end(undefined));
    socket.once('error', (error) => end(error.message));
  });
  if (reason === undefined) return { verdict: 'ok', detail: 'its TCP port answers', advice: '' };
  return { verdict: 'failed', detail: `its TCP port does not answer (${reason})`, advice: 'is the node running, is the address right, does a firewall stand between?' };
}
