import { createServer, type IncomingMessage } from 'node:http';
import type { NodeApi } from '../api/api.ts';
import { asPangeaError, PangeaError } from '../errors/errors.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { Exchange } from './exchange.ts';
import { maxHeaderBytes, streamBytes } from './outcome.ts';
import { catalogueRoutes } from './resources/catalogue.ts';
import { contentRoutes } from './resources/content.ts';
import { controlRoutes } from './resources/control.ts';
import { fileRoutes } from './resources/files.ts';
import { graphRoutes } from './resources/graph.ts';
import { peerRoutes } from './resources/peers.ts';
import { statusRoutes } from './resources/status.ts';
import { treeRoutes } from './resources/tree.ts';
import { bindControlSocket, releaseControlSocket } from './socket.ts';

export interface ControlServerOptions {
  readonly dataDir: string;
  readonly api: NodeApi;
  readonly logger: Logger;
}

export interface ControlServer {
  readonly path: string;
  /** Stops accepting, lets calls under way finish until the deadline, then cuts them off. Safe to repeat. */
  close(deadlineMs: number): Promise<void>;
}

/** Serves one call. Throws what the client is to see. */
export type Route = (exchange: Exchange, api: NodeApi) => Promise<void>;

const routes: Readonly<Record<string, Route>> = {
  ...contentRoutes, ...fileRoutes, ...treeRoutes, ...catalogueRoutes, ...peerRoutes, ...statusRoutes, ...controlRoutes, ...graphRoutes,
};

/** Throws `NODE_ALREADY_RUNNING` when another node serves this data directory. */
export async function openControlServer({ dataDir, api, logger }: ControlServerOptions): Promise<ControlServer> {
  const stopping = new AbortController();
  // No time limits: the socket is the owner's, and a put from a slow pipe may take days.
  const server = createServer({ highWaterMark: streamBytes, maxHeaderSize: maxHeaderBytes, requestTimeout: 0 }, (request, response) => {
    void serve(new Exchange(request, response, stopping.signal), request, api, logger);
  });
  const path = await bindControlSocket(server, dataDir);
  let closing: Promise<void> | undefined;
  return { path, close: (deadlineMs) => (closing ??= close(deadlineMs)) };

  async function close(deadlineMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    stopping.abort();
    server.closeIdleConnections();
    const cut = setTimeout(() => server.closeAllConnections(), deadlineMs);
    await closed;
    clearTimeout(cut);
    await releaseControlSocket(dataDir, path);
  }
}

async function serve(exchange: Exchange, request: IncomingMessage, api: NodeApi, logger: Logger): Promise<void> {
  const name = `${request.method ?? ''} ${request.url ?? ''}`;
  try {
    const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
    if (route === undefined) throw new PangeaError('NOT_SUPPORTED', `this node has no call ${name.slice(0, 80)}: are node and client of one version?`);
    await route(exchange, api);
  } catch (cause) {
    const error = asPangeaError(cause);
    if (error.code === 'INTERNAL') logger.error({ call: name, error: cause }, 'a control call failed in a way that is a bug');
    exchange.fail(error);
  }
}
