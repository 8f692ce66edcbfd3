/** WebSockets for whoever speaks DAM: gun.js in browsers and in Node, and nodes of ours. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { Clock, Timer } from '../../std/std.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { Mesh } from '../dam/dam.ts';
import { textOf } from './node-socket.ts';

export interface GraphServerOptions {
  readonly mesh: Mesh;
  readonly clock: Clock;
  /** The firewall's verdict on a source address, asked before anything is read of it. Default: all. */
  readonly admit?: (address: string) => boolean;
  /** Guards against DNS rebinding: may this `Host` be meant? Default: all. */
  readonly allowHost?: (header: string | undefined) => boolean;
  /** May pages of this origin connect? Undefined comes from no page. Default: all. */
  readonly allowOrigin?: (origin: string | undefined, host: string | undefined) => boolean;
  /** Bytes of a frame; larger ones end the connection. */
  readonly maxPayload?: number;
  readonly maxConnections?: number;
  readonly path?: string;
}

export interface GraphServer {
  /** Where it really listens. */
  readonly address: { readonly host: string; readonly port: number };
  readonly connections: number;
  /** Safe to repeat. */
  close(): Promise<void>;
}

const defaults = { path: '/gun', maxPayload: 16 * 1024 * 1024, maxConnections: 20_000 };
const maxHeaderBytes = 16 * 1024;
const handshakeMs = 10_000;
/** A peer that does not answer two pings in a row is gone. */
const pingMs = 25_000;
const closeMs = 1000;

/** Throws `PORT_IN_USE`, `ADDRESS_INVALID`. */
export async function openGraphServer(options: GraphServerOptions & { readonly host: string; readonly port: number }): Promise<GraphServer> {
  const { host, port, admit } = options;
  const server = createServer({ maxHeaderSize: maxHeaderBytes, requestTimeout: handshakeMs, headersTimeout: handshakeMs, connectionsCheckingInterval: 1000 }, (request, response) => {
    const known = pathOf(request) === (options.path ?? defaults.path);
    response.writeHead(known ? 426 : 404, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close', ...(known ? { Upgrade: 'websocket' } : {}) });
    response.end(known ? 'this is a WebSocket of a graph: give its URL to gun.js as a peer\n' : 'not found\n');
  });
  server.maxConnections = options.maxConnections ?? defaults.maxConnections;
  server.on('connection', (socket: Socket) => {
    if (admit && !admit(socket.remoteAddress ?? '')) socket.destroy();
  });
  const wires = attachGraph(server, { ...options, admit: () => true });
  await listen(server, host, port);
  const bound = server.address() as AddressInfo;
  return {
    address: { host: bound.address, port: bound.port },
    get connections() {
      return wires.connections;
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await wires.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The same on a server that somebody else has: other paths are left alone. */
export function attachGraph(server: Server, options: GraphServerOptions): { readonly connections: number; close(): Promise<void> } {
  const { path, maxPayload } = { ...defaults, ...options };
  const sockets = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false, clientTracking: true });
  const alone = server.listenerCount('upgrade') === 0;
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const refusal = refuse(request, path, options);
    // Somebody else may serve the other paths.
    if (refusal === 404 && !(alone && server.listenerCount('upgrade') === 1)) return;
    if (refusal !== undefined) return turnAway(socket, refusal);
    sockets.handleUpgrade(request, socket, head, (webSocket) => accept(webSocket, request, options));
  };
  server.on('upgrade', upgrade);
  return {
    get connections() {
      return sockets.clients.size;
    },
    close: async () => {
      server.off('upgrade', upgrade);
      for (const client of sockets.clients) client.close(1001);
      if (sockets.clients.size > 0) await Promise.race([gone(sockets.clients), options.clock.sleep(closeMs)]);
      for (const client of sockets.clients) client.terminate();
    },
  };
}

function accept(socket: WebSocket, request: IncomingMessage, { mesh, clock }: GraphServerOptions): void {
  let alive = true;
  let pinger: Timer | undefined;
  const sink = mesh.attach({
    name: plainAddress(request.socket.remoteAddress ?? ''),
    dialled: false,
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    buffered: () => socket.bufferedAmount,
    close: (reason) => {
      socket.close(reason === 'banned' || reason === 'connections' ? 1008 : 1001, reason);
      // One that does not read will not answer the close either.
      clock.after(closeMs, () => socket.terminate());
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  });
  const ping = (): Timer => clock.after(pingMs, () => {
    if (!alive && !socket.isPaused) return socket.terminate();
    alive = false;
    if (socket.readyState === WebSocket.OPEN) socket.ping();
    pinger = ping();
  });
  pinger = ping();
  socket.on('pong', () => (alive = true));
  socket.on('message', (data, binary) => {
    alive = true;
    if (!binary) sink.text(textOf(data));
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    pinger?.cancel();
    sink.closed();
  });
}

/** The HTTP status for which a request is turned away; undefined lets it in. */
function refuse(request: IncomingMessage, path: string, { admit, allowHost, allowOrigin }: GraphServerOptions): number | undefined {
  const { host, origin } = request.headers;
  if (pathOf(request) !== path) return 404;
  if (admit && !admit(request.socket.remoteAddress ?? '')) return 403;
  if (allowHost && !allowHost(host)) return 403;
  return allowOrigin && !allowOrigin(origin, host) ? 403 : undefined;
}

function turnAway(socket: Duplex, status: number): void {
  socket.on('error', () => {});
  socket.end(`HTTP/1.1 ${status} ${status === 404 ? 'Not Found' : 'Forbidden'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

/** IPv4 addresses arrive in IPv6 clothes on sockets that listen for both. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

function gone(clients: ReadonlySet<WebSocket>): Promise<unknown> {
  return Promise.all([...clients].map((client) => new Promise<void>((resolve) => client.once('close', () => resolve()))));
}

function listen(server: Server, host: string, port: number): Promise<void> {
  const data = { host, port };
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE') reject(new PangeaError('PORT_IN_USE', `graph: port ${port} on ${host} is in use`, { cause: error, data }));
      else reject(new PangeaError('ADDRESS_INVALID', `graph: cannot listen on ${host}, port ${port}: ${error.message}`, { cause: error, data }));
    };
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve();
    });
  });
}
