/**
 * The project's own files for a browser, on loopback: TypeScript comes with its types stripped, as Node runs it. What a
 * page posts to `/report` goes to the test.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** All that a page may ask for. */
const open = ['/src/codec/', '/src/body/', '/src/errors/', '/test/browser/'];
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.ts': 'text/javascript; charset=utf-8', '.wasm': 'application/wasm',
};
const maxReportBytes = 64 * 1024 * 1024;

export interface Served {
  readonly origin: string;
  /** The body of the first report. */
  readonly report: Promise<Buffer>;
  close(): Promise<void>;
}

export async function serveProject(): Promise<Served> {
  const { promise: report, resolve, reject } = Promise.withResolvers<Buffer>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://loopback');
    if (request.method === 'POST' && pathname === '/report') {
      const chunks: Buffer[] = [];
      let length = 0;
      request.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxReportBytes) request.destroy(new Error('the report is too long'));
        else chunks.push(chunk);
      });
      request.on('error', reject);
      request.on('end', () => {
        response.writeHead(204).end();
        resolve(Buffer.concat(chunks));
      });
      return;
    }
    contentOf(pathname).then(
      (content) => response.writeHead(200, { 'content-type': types[extname(pathname)] }).end(content),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    report,
    close: () => new Promise((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    }),
  };
}

async function contentOf(pathname: string): Promise<string | Buffer> {
  const path = normalize(pathname);
  if (!open.some((folder) => path.startsWith(folder)) || !(extname(path) in types)) throw new Error(`${path} is not for pages`);
  const content = await readFile(join(root, path));
  return extname(path) === '.ts' ? stripTypeScriptTypes(content.toString()) : content;
}
