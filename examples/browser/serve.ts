/**
 * Serves the example page on loopback: `node examples/browser/serve.ts [PORT]`. Browsers get the project's own TypeScript
 * with its types stripped, as Node runs it, and the committed WebAssembly module; nothing is bundled.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** All that a page may ask for. */
const served = ['/src/codec/', '/src/body/', '/src/errors/', '/examples/browser/', '/test/browser/'].map((folder) => normalize(folder));
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.ts': 'text/javascript; charset=utf-8', '.wasm': 'application/wasm',
};

/** Listens on 127.0.0.1. `other` answers requests that are no GET. */
export async function serveProject(port: number, other: (request: IncomingMessage, response: ServerResponse) => void = refuse): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET') return other(request, response);
    const { pathname } = new URL(request.url ?? '/', 'http://loopback');
    contentOf(pathname).then(
      (content) => response.writeHead(200, { 'content-type': types[extname(pathname)] }).end(content),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, '127.0.0.1', listening));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function contentOf(pathname: string): Promise<string | Buffer> {
  const path = normalize(pathname);
  if (!served.some((folder) => path.startsWith(folder)) || !(extname(path) in types)) throw new Error(`${path} is not for pages`);
  const content = await readFile(join(root, path));
  return extname(path) === '.ts' ? stripTypeScriptTypes(content.toString()) : content;
}

function refuse(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(405).end();
}

if (import.meta.main) {
  const { origin } = await serveProject(Number(process.argv[2] ?? 0));
  process.stdout.write(`${origin}/examples/browser/page.html\n`);
}
