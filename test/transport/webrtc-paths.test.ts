/** When a link is made, by whom, over what, and what a peer that breaks the rules gets. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { bodyFrom, emptyBody } from '../../src/body/body.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import type { ConnectionPath, Host, HostEvents } from '../../src/host/host.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { systemClock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { openWebrtcTransport, shardProtocol, status, type RequestHandler, type WebrtcTransport } from '../../src/transport/transport.ts';
import { loadLibrary } from '../../src/transport/webrtc/library.ts';
import { webrtcProtocol } from '../../src/transport/webrtc/links.ts';
import { sendSignal, SignalReader, type Signal } from '../../src/transport/webrtc/signal.ts';
import { hello } from '../conformance/transport.ts';
import { makeJsHost, makeNativeHost, nativeMissing } from '../host/makers.ts';
import { webrtcEnd, webrtcMissing } from './webrtc-ends.ts';

const echo: RequestHandler = async (_peer, request, body) => ({
  status: status.ok, answer: (request.type === 'get' ? { totalBytes: body.byteLength } : {}) as never, body: request.type === 'get' ? body : emptyBody,
});
const get = { type: 'get', object: new Uint8Array(32), kind: 0, stripe: 0, row: 0, offset: 0, length: 0 } as const;

async function until(condition: () => boolean, what: string, withinMs = 15_000): Promise<void> {
  for (const end = performance.now() + withinMs; !condition();) {
    if (performance.now() > end) assert.fail(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A transport on a real host whose paths the test says. */
async function staged(): Promise<{ host: Host; webrtc: WebrtcTransport; say(peer: PeerId, path: ConnectionPath): void; close(): Promise<void> }> {
  const host = nativeMissing === false ? await makeNativeHost() : await makeJsHost();
  const paths = new Map<PeerId, ConnectionPath>();
  const listeners: Partial<HostEvents>[] = [];
  const webrtc = await openWebrtcTransport({
    host: {
      peerId: host.peerId, handle: host.handle.bind(host), openStream: host.openStream.bind(host), connectedPeers: () => [],
      on: (events) => void listeners.push(events), pathTo: (peer) => paths.get(peer),
    },
    iceServers: [], permits: () => true, bindAddress: '127.0.0.1', upgradeAfterMs: 50, clock: systemClock, logger: silentLogger, hello: () => hello, onHello: () => true,
  });
  await webrtc.listen(echo);
  return {
    host, webrtc,
    say: (peer, path) => {
      paths.set(peer, path);
      for (const events of listeners) events.path?.(peer, path, '');
    },
    close: async () => {
      await webrtc.close(0);
      await host.close();
    },
  };
}

describe('WebRTC paths', { skip: webrtcMissing, timeout: 60_000 }, () => {
  const open: { close(): Promise<void> }[] = [];
  const kept = <T extends { close(): Promise<void> }>(each: T): T => {
    open.push(each);
    return each;
  };
  after(async () => {
    await Promise.all(open.map((each) => each.close()));
  });

  it('links peers that only a relay joins, and lets go when there is a direct way', async () => {
    const [a, b] = [kept(await staged()), kept(await staged())];
    a.host.addAddresses(b.host.peerId, b.host.multiaddrs());
    b.host.addAddresses(a.host.peerId, a.host.multiaddrs());
    await a.host.dial(b.host.multiaddrs()[0] ?? '');
    assert.equal(a.webrtc.pathTo(b.host.peerId), undefined);
    a.say(b.host.peerId, 'relayed');
    b.say(a.host.peerId, 'relayed');
    await until(() => a.webrtc.pathTo(b.host.peerId) === 'punched' && b.webrtc.pathTo(a.host.peerId) === 'punched', 'a link on both sides');
    const bytes = randomBytes(3_000_000);
    const reply = await a.webrtc.request(b.host.peerId, get, { body: bodyFrom(bytes) });
    assert.ok(reply.status === status.ok && Buffer.compare(reply.body.bytes(), bytes) === 0);
    a.say(b.host.peerId, 'punched');
    await until(() => a.webrtc.pathTo(b.host.peerId) === undefined && b.webrtc.pathTo(a.host.peerId) === undefined, 'the link gone on both sides');
  });

  it('fails for a peer whose candidates may not be tried', async () => {
    const [a, b] = [kept(await webrtcEnd({}, { permits: () => false, connectMs: 1_500 })), kept(await webrtcEnd({}, { permits: () => false, connectMs: 1_500 }))];
    await Promise.all([a.transport.listen(echo), b.transport.listen(echo)]);
    a.transport.setAddresses(b.transport.localPeer, b.transport.addresses());
    const failed = assert.rejects(a.webrtc.establish(b.transport.localPeer), (error) => isPangeaError(error, 'PEER_UNREACHABLE') || isPangeaError(error, 'TIMEOUT'));
    await failed;
    assert.equal(a.webrtc.pathTo(b.transport.localPeer), undefined);
  });

  it('drops the link of a peer that breaks the rules of credit, and serves others', async () => {
    const load = await loadLibrary();
    assert.ok(load.ok);
    const server = kept(await webrtcEnd());
    await server.transport.listen(echo);
    const rogue = nativeMissing === false ? await makeNativeHost() : await makeJsHost();
    await rogue.dial(server.transport.addresses()[0] ?? '');
    // The library by hand, without our flow control.
    const signalling = await rogue.openStream(server.transport.localPeer, webrtcProtocol);
    const connection = new load.library.PeerConnection('rogue', { iceServers: [], bindAddress: '127.0.0.1' });
    let sending = Promise.resolve();
    const send = (signal: Signal): void => void (sending = sending.then(() => sendSignal(signalling, signal)));
    connection.onLocalDescription((sdp) => send({ type: 'offer', text: sdp }));
    connection.onLocalCandidate((text) => send({ type: 'candidate', text }));
    const closed = Promise.withResolvers<string>();
    connection.onStateChange((state) => state === 'closed' || state === 'disconnected' || state === 'failed' ? closed.resolve(state) : undefined);
    const keeper = connection.createDataChannel('pangea');
    keeper.onClosed(() => closed.resolve('channel closed'));
    const reader = new SignalReader(signalling);
    void (async () => {
      for (let signal = await reader.next(); signal !== undefined; signal = await reader.next()) {
        if (signal.type === 'answer') connection.setRemoteDescription(signal.text, 'answer');
        else connection.addRemoteCandidate(signal.text, '0');
      }
    })().catch(() => undefined);
    try {
      await until(() => keeper.isOpen(), 'a link');
      const channel = connection.createDataChannel(shardProtocol);
      await until(() => channel.isOpen(), 'a channel');
      channel.sendMessageBinary(Buffer.from('02ffffffff', 'hex'));
      await closed.promise;
    } finally {
      connection.close();
      await signalling.closeWrite().catch(() => undefined);
      signalling.reset();
      await rogue.close();
    }
    const friend = kept(await webrtcEnd());
    friend.transport.setAddresses(server.transport.localPeer, server.transport.addresses());
    assert.equal((await friend.transport.request(server.transport.localPeer, { type: 'ping' })).status, status.ok);
  });
});

const turnserver = spawnSync('turnserver', ['--version']).error === undefined ? false : 'no turnserver (coturn) on this machine';

describe('WebRTC over TURN', { skip: webrtcMissing !== false ? webrtcMissing : turnserver, timeout: 60_000 }, () => {
  it('carries requests through the server when nothing else may be used, and says so', async () => {
    const port = await freeUdpPort();
    const folder = await mkdtemp(join(tmpdir(), 'pangea-turn-'));
    const server = spawn('turnserver', [
      '-n', '-L', '127.0.0.1', '-p', String(port), '--relay-ip', '127.0.0.1', '--user', 'me:secret', '--realm', 'test', '--lt-cred-mech', '--allow-loopback-peers',
      '--no-cli', '--no-tls', '--no-dtls', '--log-file', join(folder, 'log'), '--simple-log', '--pidfile', join(folder, 'pid'), '--userdb', join(folder, 'db'),
    ], { stdio: 'ignore' });
    const ends: { close(): Promise<void> }[] = [];
    try {
      await answers(port);
      const options = { iceServers: [`turn:me:secret@127.0.0.1:${port}`], policy: 'relay' as const };
      const a = await webrtcEnd({}, options);
      const b = await webrtcEnd({}, options);
      ends.push(a, b);
      await Promise.all([a.transport.listen(echo), b.transport.listen(echo)]);
      a.transport.setAddresses(b.transport.localPeer, b.transport.addresses());
      const bytes = randomBytes(2_000_000);
      const reply = await a.transport.request(b.transport.localPeer, get, { body: bodyFrom(bytes), timeoutMs: 30_000 });
      assert.ok(reply.status === status.ok && Buffer.compare(reply.body.bytes(), bytes) === 0);
      assert.equal(a.webrtc.pathTo(b.transport.localPeer), 'relayed');
    } finally {
      await Promise.all(ends.map((end) => end.close()));
      const exited = once(server, 'exit');
      server.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true });
    }
  });
});

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** Asks for a binding (RFC 8489) until the server is there. */
async function answers(port: number): Promise<void> {
  const socket = createSocket('udp4');
  const answered = once(socket, 'message');
  const request = Buffer.concat([Buffer.from('000100002112a442', 'hex'), randomBytes(12)]);
  const asking = setInterval(() => socket.send(request, port, '127.0.0.1'), 50);
  const late = setTimeout(() => socket.emit('error', new Error('the TURN server does not answer')), 20_000);
  try {
    await answered;
  } finally {
    clearInterval(asking);
    clearTimeout(late);
    socket.close();
  }
}

// A connection that a test made by hand keeps the library's threads, and so the process, long after it is closed.
after(() => void setTimeout(() => process.exit(), 1_000).unref());
