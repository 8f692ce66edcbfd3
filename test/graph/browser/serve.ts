/** A site on loopback: a few texts by path, each with its type. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';

const types: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.mjs': 'text/javascript; charset=utf-8' };

export interface Site {
  readonly server: Server;
  readonly origin: string;
  close(): Promise<void>;
}

export async function serveSite(files: Readonly<Record<string, string>>): Promise<Site> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://loopback').pathname;
    const content = Object.hasOwn(files, path) ? files[path] : undefined;
    if (content === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': types[extname(path)] ?? types['.html'] }).end(content);
  });
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(0, '127.0.0.1', listening));
  return {
    server,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    }),
  };
}

export const blank = '<!doctype html><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,">';
