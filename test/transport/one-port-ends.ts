/** Hosts whose QUIC lives on the socket of a shard transport, as a node wires them. */
import { randomBytes } from 'node:crypto';

import { type Host, type HostOptions, type NativeHost, openNativeHost } from '../../src/host/host.ts';
import { systemClock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import {
  combineTransports, observePaths, openLibp2pTransport,
  type CombinedTransport, type QuicTransport, type QuicTransportOptions, type RequestHandler,
} from '../../src/transport/transport.ts';
import { hello } from '../conformance/transport.ts';
import { nativeOrFail, openQuic } from './ends.ts';

export interface OnePort {
  readonly host: NativeHost;
  readonly quic: QuicTransport;
  readonly all: CombinedTransport;
  close(): Promise<void>;
}

const refuseAll: RequestHandler = async () => ({ status: 4, message: 'nothing here' });

export interface OnePortOptions {
  readonly host?: Partial<HostOptions>;
  readonly quic?: Partial<QuicTransportOptions>;
  readonly handler?: RequestHandler;
}

/** A node's network: host, shards over QUIC and over libp2p streams, one UDP port. */
export async function openOnePort(options: OnePortOptions = {}): Promise<OnePort> {
  const seed = options.host?.seed ?? randomBytes(32);
  const allow = options.host?.allow ?? ['127.0.0.0/8'];
  const host = await openNativeHost({
    seed, listen: [], bootstrap: [], mdns: false, allow, acceptRecord: () => true, agentVersion: 'pangea-node/test',
    ...options.host, native: nativeOrFail(), clock: systemClock, logger: silentLogger, sharedQuic: true,
  });
  const quic = openQuic({ seed, allow, ...options.quic, onBound: (endpoint) => host.shareQuic(endpoint) });
  const libp2p = openLibp2pTransport({ host, clock: systemClock, logger: silentLogger, hello: () => hello, onHello: () => true });
  const all = combineTransports([quic, libp2p]);
  observePaths(host, all);
  try {
    await all.listen(options.handler ?? refuseAll);
  } catch (error) {
    await host.close();
    throw error;
  }
  return {
    host, quic, all,
    close: async () => {
      await all.close(0);
      await host.close();
    },
  };
}

/** For the suite of hosts: `listen` names the UDP port, and one allow list holds for both. */
export async function makeSharedHost(options: Partial<HostOptions> = {}): Promise<Host> {
  const { listen: [listen = '/ip4/127.0.0.1/udp/0/quic-v1'] = [], ...rest } = options;
  const [, ip, port] = /^\/ip4\/([^/]+)\/udp\/(\d+)\/quic-v1$/.exec(listen) ?? [];
  const { host, quic } = await openOnePort(ip === undefined
    ? { host: options }
    : { host: rest, quic: { listen: `${ip}:${port}` } });
  const { setAllow } = host;
  host.setAllow = (cidrs) => {
    setAllow.call(host, cidrs);
    quic.setAllow(cidrs);
  };
  const closeHost = host.close.bind(host);
  host.close = async () => {
    await quic.close(0);
    await closeHost();
  };
  return host;
}
