/** Hosts for tests: loopback, port 0, a seed of their own unless one is given. */
import { randomBytes } from 'node:crypto';

import { createFirewall } from '../../src/firewall/firewall.ts';
import { type Host, type HostOptions, openJsHost, openNativeHost } from '../../src/host/host.ts';
import { loadNative } from '../../src/native/native.ts';
import { systemClock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';

export type MakeHost = (options?: Partial<HostOptions>) => Promise<Host>;

function filled(options: Partial<HostOptions>): HostOptions {
  return {
    seed: randomBytes(32), listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap: [], mdns: false, allow: ['127.0.0.0/8'],
    acceptRecord: () => true, agentVersion: 'pangea-node/test', ...options,
  };
}

export const makeJsHost: MakeHost = async (options = {}) => {
  const all = filled(options);
  const firewall = createFirewall({ allow: all.allow });
  const host = await openJsHost({ ...all, permits: (address) => firewall.decide(address) === 'allow', clock: systemClock, logger: silentLogger });
  const { setAllow } = host;
  host.setAllow = (cidrs) => {
    firewall.setAllow(cidrs);
    setAllow.call(host, cidrs);
  };
  return host;
};

const loaded = loadNative();

/** Why there are no native hosts here, or false. */
export const nativeMissing: string | false = loaded.ok
  ? 'SwarmHost' in loaded.native ? false : 'the addon was built without the p2p part'
  : loaded.reason;

export const makeNativeHost: MakeHost = async (options = {}) => {
  if (!loaded.ok) throw new Error(loaded.reason);
  return openNativeHost({ ...filled(options), native: loaded.native, clock: systemClock, logger: silentLogger });
};

export const makeQuicHost: MakeHost = (options = {}) => makeNativeHost({ listen: ['/ip4/127.0.0.1/udp/0/quic-v1'], ...options });
