/** Ends of real networks on loopback for the tests of transports. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PeerId } from '../../src/ids/ids.ts';
import { loadNative, type Native } from '../../src/native/native.ts';
import { systemClock, systemRandom } from '../../src/std/std.ts';
import { discardMetrics, silentLogger } from '../../src/telemetry/telemetry.ts';
import { openLibp2pTransport, openQuicTransport, type QuicTransport, type QuicTransportOptions } from '../../src/transport/transport.ts';
import type { MakeHost } from '../host/makers.ts';
import { makeJsHost, makeNativeHost } from '../host/makers.ts';
import { hello, type Doomed, type End, type EndOptions } from '../conformance/transport.ts';

const loaded = loadNative();

/** Why there is no QUIC here, or false. */
export const quicMissing: string | false = loaded.ok ? ('QuicEndpoint' in loaded.native ? false : 'the addon was built without the quic part') : loaded.reason;

export function nativeOrFail(): Native {
  if (!loaded.ok) throw new Error(loaded.reason);
  return loaded.native;
}

export function openQuic(options: Partial<QuicTransportOptions> = {}): QuicTransport {
  return openQuicTransport({
    native: nativeOrFail(), seed: randomBytes(32), listen: '127.0.0.1:0', allow: ['127.0.0.0/8', '::1/128'],
    clock: systemClock, random: systemRandom, logger: silentLogger, metrics: discardMetrics,
    hello: () => hello, onHello: () => true, ...options,
  });
}

export async function quicEnd({ hello: own = {}, onHello = () => true }: EndOptions = {}): Promise<End> {
  const transport = openQuic({ hello: () => ({ ...hello, ...own }), onHello });
  return { transport, underWay: () => transport.load(), close: () => transport.close(0) };
}

/** `kind`: `native` or `js`, the host below. */
export function libp2pEnd(kind: string): (options?: EndOptions) => Promise<End> {
  const makeHost: MakeHost = kind === 'native' ? makeNativeHost : makeJsHost;
  return async ({ hello: own = {}, onHello = () => true } = {}) => {
    const host = await makeHost();
    const transport = openLibp2pTransport({ host, clock: systemClock, logger: silentLogger, hello: () => ({ ...hello, ...own }), onHello });
    return {
      transport,
      close: async () => {
        await transport.close(0);
        await host.close();
      },
    };
  };
}

/** An end in a process of its own (`silent-end.ts`). */
export async function doomedEnd(kind: string): Promise<Doomed> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./silent-end.ts', import.meta.url)), kind], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.setEncoding('utf8');
  const [line] = (await once(child.stdout, 'data')) as [string];
  const { peer, addresses } = JSON.parse(line) as { peer: PeerId; addresses: string[] };
  return {
    peer, addresses,
    kill: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
