/** The listening socket: who is let in, how many, and the handshake of TLS. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { PangeaError } from '../../errors/errors.ts';
import { limits } from '../limits.ts';
import type { RpcServerOptions } from '../rpc.ts';
import { Connection, type ConnectionParts } from './connection.ts';
import { readingIntoOne } from './reading.ts';

export interface ListenerOptions extends Pick<RpcServerOptions, 'listen' | 'tls'> {
  readonly parts: ConnectionParts;
  readonly admit: (address: string) => Promise<boolean>;
  /** Connections or memory are others than before. */
  readonly changed: () => void;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #tls: TlsServer | undefined;
  readonly #connections = new Set<Connection>();
  /** Every accepted socket, from before it is let in until it is closed. */
  readonly #sockets = new Map<Socket, string>();
  readonly #perAddress = new Map<string, number>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = options.tls === undefined
      ? createServer({ noDelay: true, pauseOnConnect: true }, (socket) => void this.#accept(readingIntoOne(socket)))
      : createServer({ noDelay: true }, (socket) => void this.#accept(socket));
    this.#tls = options.tls && this.#tlsServer(options.tls);
  }

  /** The real port. Throws `PORT_IN_USE`. */
  listen(): Promise<number> {
    const { host, port } = this.#options.listen;
    return new Promise((resolve, reject) => {
      // Also of later accepts (no file descriptors left): one that nobody takes would end the thread with all connections.
      this.#server.on('error', (error: NodeJS.ErrnoException) => {
        if (this.#server.listening) return this.#options.parts.logger.warn({ error: error.message }, 'an RPC connection could not be accepted');
        const code = error.code === 'EADDRINUSE' || error.code === 'EACCES' ? 'PORT_IN_USE' : 'ADDRESS_INVALID';
        reject(new PangeaError(code, `cannot listen for RPC on ${host}:${port}: ${error.message}`));
      });
      this.#server.listen({ host, port, backlog: 511 }, () => {
        const address = this.#server.address();
        resolve(address !== null && typeof address === 'object' ? address.port : port);
      });
    });
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Stops listening; connections end when their calls are answered, or at the signal. */
  async close(signal: AbortSignal): Promise<void> {
    this.#server.close();
    const waiting = [...this.#sockets.keys()];
    await Promise.all([...this.#connections].map((connection) => connection.drain(signal)));
    for (const socket of waiting) if (!socket.writableEnded) socket.destroy();
  }

  async #accept(socket: Socket): Promise<void> {
    const { admit, parts } = this.#options;
    const address = socket.remoteAddress ?? '';
    const here = this.#perAddress.get(address) ?? 0;
    // Errors before there is a connection have nobody to tell.
    socket.on('error', () => socket.destroy());
    if (this.#sockets.size >= limits.connections || here >= limits.connectionsPerAddress) {
      parts.count('refusals', 'TOO_MANY');
      return void socket.destroy();
    }
    this.#sockets.set(socket, address);
    this.#perAddress.set(address, here + 1);
    socket.once('close', () => this.#forget(socket, address));
    if (!(await admit(address).catch(() => false))) {
      parts.count('refusals', 'firewall');
      return void socket.destroy();
    }
    if (socket.destroyed || parts.closing.aborted) return void socket.destroy();
    if (this.#tls === undefined) this.#open(socket, address);
    else this.#tls.emit('connection', socket);
  }

  #tlsServer({ certificate, key, clientCa }: NonNullable<RpcServerOptions['tls']>): TlsServer {
    const { parts } = this.#options;
    const server = createTlsServer({
      cert: certificate, key, minVersion: 'TLSv1.3', handshakeTimeout: limits.handshakeMs,
      ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    }, (secured) => this.#open(secured, secured.remoteAddress ?? ''));
    server.on('tlsClientError', (error, secured) => {
      parts.count('refusals', 'tls');
      parts.logger.info({ address: secured.remoteAddress, reason: error.message }, 'an RPC client failed its TLS handshake');
      secured.destroy();
    });
    return server;
  }

  #open(socket: Socket, address: string): void {
    const connection = new Connection(this.#options.parts, socket, address);
    this.#connections.add(connection);
    this.#options.changed();
    connection.onEnded(() => {
      this.#connections.delete(connection);
      this.#options.changed();
    });
  }

  #forget(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }
}
