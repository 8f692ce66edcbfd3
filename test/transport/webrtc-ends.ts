/** Ends that reach each other over data channels alone: hosts on loopback carry the signalling. */
import type { TransportPolicy } from 'node-datachannel';
import { systemClock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { openWebrtcTransport, type Transport, type WebrtcTransport } from '../../src/transport/transport.ts';
import { loadLibrary } from '../../src/transport/webrtc/library.ts';
import { hello, type End, type EndOptions } from '../conformance/transport.ts';
import { makeJsHost, makeNativeHost, nativeMissing } from '../host/makers.ts';

const load = await loadLibrary();
/** Why there is no WebRTC here, or false. */
export const webrtcMissing: string | false = load.ok ? false : load.reason;

export interface WebrtcEnd extends End {
  readonly webrtc: WebrtcTransport;
}

export async function webrtcEnd(
  { hello: own = {}, onHello = () => true }: EndOptions = {},
  { iceServers = [], policy = 'all', permits = () => true, connectMs = 20_000 }: { iceServers?: readonly string[]; policy?: TransportPolicy; permits?: (address: string) => boolean; connectMs?: number } = {},
): Promise<WebrtcEnd> {
  const host = nativeMissing === false ? await makeNativeHost() : await makeJsHost();
  const webrtc = await openWebrtcTransport({
    host: {
      peerId: host.peerId, handle: host.handle.bind(host), openStream: host.openStream.bind(host), on: () => undefined,
      connectedPeers: () => [], pathTo: () => 'relayed',
    },
    iceServers, policy, permits, connectMs, bindAddress: '127.0.0.1', clock: systemClock, logger: silentLogger, hello: () => ({ ...hello, ...own }), onHello,
  });
  // Makes a link where a request needs one: in the node only time and paths do.
  const transport: Transport = {
    name: webrtc.name, localPeer: webrtc.localPeer,
    addresses: () => host.multiaddrs(),
    listen: (handler) => webrtc.listen(handler),
    setAddresses: (peer, addresses) => host.addAddresses(peer, addresses),
    request: async (peer, request, options) => {
      const body = options?.body?.slice(0);
      try {
        if (options?.signal?.aborted !== true && !host.connectedPeers().includes(peer) || webrtc.pathTo(peer) === undefined) await webrtc.establish(peer);
        return await webrtc.request(peer, request, body === undefined ? options : { ...options, body });
      } finally {
        body?.release();
      }
    },
    connect: async (address) => {
      const peer = await host.dial(address);
      await webrtc.establish(peer);
      await webrtc.request<'ping'>(peer, { type: 'ping' });
      return peer;
    },
    connectedPeers: () => webrtc.connectedPeers(),
    disconnect: (peer) => webrtc.disconnect(peer),
    on: (events) => webrtc.on(events),
    close: (deadlineMs) => webrtc.close(deadlineMs),
  };
  return {
    transport, webrtc,
    close: async () => {
      await webrtc.close(0);
      await host.close();
    },
  };
}
