/**
 * The examples and a relay for them, in one command: `node examples/graph/serve.ts [PORT] [DIRECTORY]`. Scripts of
 * pages are bundled when they are asked for, so an edit shows on reload. The graph is served on the same port under /gun,
 * and kept in the directory where one is named. (A real relay is the node itself: `pangea-node --graph-addr`.)
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { openNodeGraph } from '../../src/graph/open-node.ts';
import type { Graph } from '../../src/graph/open.ts';
import { attachGraph } from '../../src/graph/wire/server.ts';
import { systemClock } from '../../src/std/std.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** All that a page may ask for. */
const served = normalize('/examples/graph/');
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.ts': 'text/javascript; charset=utf-8',
};

export interface Examples {
  readonly origin: string;
  readonly graph: Graph;
  close(): Promise<void>;
}

/** On 127.0.0.1. Port 0 takes one that is free. */
export async function serveExamples(port: number, directory?: string): Promise<Examples> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://loopback');
    if (pathname === '/') return void response.writeHead(302, { location: '/examples/graph/index.html' }).end();
    contentOf(pathname).then(
      (content) => response.writeHead(200, { 'content-type': types[extname(pathname)] }).end(content),
      () => response.writeHead(404).end(),
    );
  });
  const graph = await openNodeGraph({ relay: true, ...(directory === undefined ? {} : { directory }) });
  const wires = attachGraph(server, { mesh: graph.peer.mesh, clock: systemClock });
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, '127.0.0.1', listening));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    graph,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await wires.close();
      server.closeAllConnections();
      await closed;
      await graph.close();
    },
  };
}

async function contentOf(pathname: string): Promise<string | Buffer> {
  const path = normalize(decodeURIComponent(pathname));
  if (!path.startsWith(served) || !(extname(path) in types)) throw new Error(`${path} is not for pages`);
  return extname(path) === '.ts' ? bundled(join(root, path)) : readFile(join(root, path));
}

async function bundled(file: string): Promise<string> {
  const { outputFiles } = await build({ entryPoints: [file], bundle: true, write: false, format: 'esm', platform: 'browser', target: 'es2022', sourcemap: 'inline', logLevel: 'silent' });
  return outputFiles[0]?.text ?? '';
}

if (import.meta.main) {
  const { origin } = await serveExamples(Number(process.argv[2] ?? 8080), process.argv[3]);
  process.stdout.write(`${origin}\n`);
}
