import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../std/std.ts';
import { PangeaError } from '../errors/errors.ts';
import type { NodeStatus } from '../api/api.ts';
import type { Logger, Metrics } from '../telemetry/telemetry.ts';
import { hostAllowed, originAllowed } from './host-check.ts';

export interface HttpServerOptions {
  /** As parsed by the configuration; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly metrics: Metrics;
  readonly status: () => Promise<NodeStatus>;
  readonly ready: () => boolean;
  /** The firewall's verdict on a source address, asked once for each connection. */
  readonly admit: (remoteAddress: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface HttpServer {
  /** The real one. */
  readonly port: number;
  /** Lets requests under way finish, but not beyond the deadline. Safe to repeat. */
  close(deadlineMs?: number): Promise<void>;
}

/** A monitoring system asks one at a time; more than this is an attack or a mistake. */
const maxConnections = 64;
const maxHeaderBytes = 8 * 1024;
const requestTimeoutMs = 10_000;
const idleTimeoutMs = 5_000;

/** Throws `PORT_IN_USE`, `ADDRESS_INVALID`. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const server = createServer(
    { maxHeaderSize: maxHeaderBytes, requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs, keepAliveTimeout: idleTimeoutMs, connectionsCheckingInterval: 1000 },
    (request, response) => {
      answer(request, response, options).catch((error: unknown) => {
        options.logger.error({ error, path: request.url }, 'http request failed');
        if (response.headersSent) response.destroy();
        else send(response, 500, 'text/plain', 'internal error\n');
      });
    },
  );
  server.maxConnections = maxConnections;
  server.on('connection', (socket) => {
    if (!options.admit(socket.remoteAddress ?? '')) socket.destroy();
  });
  await listen(server, options.listen);
  let closing: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    close: (deadlineMs = 2000) => (closing ??= close(server, options.clock, deadlineMs)),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HttpServerOptions): Promise<void> {
  // No body is ever read: what a client sends along is dropped with the connection.
  if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) response.shouldKeepAlive = false;
  const { host: hostHeader, origin } = request.headers;
  if (!hostAllowed(hostHeader, options.listen.host) || !originAllowed(origin, hostHeader)) return send(response, 403, 'text/plain', 'forbidden: foreign Host or Origin\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return send(response, 405, 'text/plain', 'only GET and HEAD\n');
  }
  switch (request.url?.split('?', 1)[0]) {
    case '/metrics':
      return send(response, 200, 'text/plain; version=0.0.4', await options.metrics.text());
    case '/healthz':
      return send(response, 200, 'text/plain', 'ok\n');
    case '/readyz':
      return options.ready() ? send(response, 200, 'text/plain', 'ready\n') : send(response, 503, 'text/plain', 'not ready\n');
    case '/status':
      return send(response, 200, 'application/json', `${JSON.stringify(await options.status(), undefined, 2)}\n`);
    default:
      return send(response, 404, 'text/plain', 'not found: there are /metrics, /healthz, /readyz and /status\n');
  }
}

function send(response: ServerResponse, code: number, type: string, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(code, {
    'Content-Type': type.includes('charset') ? type : `${type}; charset=utf-8`,
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  // For HEAD node:http keeps the body back by itself.
  response.end(body);
}

function listen(server: Server, { host, port }: HttpServerOptions['listen']): Promise<void> {
  const data = { host, port };
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE') reject(new PangeaError('PORT_IN_USE', `HTTP: port ${port} on ${host} is in use`, { cause: error, data }));
      else reject(new PangeaError('ADDRESS_INVALID', `HTTP: cannot listen on ${host}, port ${port}: ${error.message}`, { cause: error, data }));
    };
    server.once('error', failed);
    server.listen({ port, host }, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function close(server: Server, clock: Clock, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(deadlineMs, () => server.closeAllConnections());
    server.close(() => {
      timer.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
