/** Members that are pages of one headless Chromium, each in a frame of its own. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { WebSocketServer, type WebSocket } from 'ws';
import { openPage } from '../../browser/chromium.ts';
import type { Pages, Running } from './world.ts';

/** By path; all there is to be had. */
const files: Readonly<Record<string, string>> = {
  '/page.html': 'text/html', '/frame.html': 'text/html', '/frames.ts': 'text/javascript', '/frame.ts': 'text/javascript', '/gun-operations.ts': 'text/javascript',
};
const openMs = 60_000;

export interface OpenPages extends Pages {
  close(): Promise<void>;
}

export async function openPages(chromium: string): Promise<OpenPages> {
  const server = createServer((request, response) => {
    contentOf(new URL(request.url ?? '/', 'http://loopback').pathname).then(
      ({ type, content }) => response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(content),
      () => response.writeHead(404).end(),
    );
  });
  const sockets = new WebSocketServer({ server, path: '/control' });
  const arrivals = new Map<string, (socket: WebSocket) => void>();
  const arrival = (name: string): Promise<WebSocket> => new Promise((resolve, reject) => {
    arrivals.set(name, resolve);
    setTimeout(() => reject(new Error(`the page ${name} did not open`)), openMs).unref();
  });
  sockets.on('connection', (socket, request) => {
    const name = decodeURIComponent(new URL(request.url ?? '/', 'http://loopback').search.slice(1));
    arrivals.get(name)?.(socket);
    arrivals.delete(name);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const first = arrival('page');
  const browser = openPage(chromium, `http://127.0.0.1:${(server.address() as AddressInfo).port}/page.html`);
  const page = await first;
  let opened = 0;
  return {
    async open(member) {
      const name = `${member}-${++opened}`;
      const socket = arrival(name);
      page.send(JSON.stringify({ open: name }));
      return new PageMember(name, await socket, page);
    },
    async close() {
      await browser.close();
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function contentOf(path: string): Promise<{ type: string; content: string }> {
  if (path === '/gun.js') return { type: 'text/javascript', content: await readFile(createRequire(import.meta.url).resolve('gun/gun.js'), 'utf8') };
  const type = Object.hasOwn(files, path) ? files[path] : undefined;
  if (type === undefined) throw new Error(`${path} is not for pages`);
  const content = await readFile(fileURLToPath(new URL(`.${path}`, import.meta.url)), 'utf8');
  return { type, content: path.endsWith('.ts') ? stripTypeScriptTypes(content) : content };
}

class PageMember implements Running {
  readonly #name: string;
  readonly #socket: WebSocket;
  readonly #page: WebSocket;
  readonly #waiting = new Map<number, { resolve(reply: unknown): void; reject(error: Error): void }>();
  #next = 1;

  constructor(name: string, socket: WebSocket, page: WebSocket) {
    this.#name = name;
    this.#socket = socket;
    this.#page = page;
    socket.on('message', (data: Buffer) => {
      const { id, reply, error } = JSON.parse(data.toString()) as { id: number; reply?: unknown; error?: string };
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(reply);
      else waiting?.reject(new Error(`${name}: ${error}`));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${name} is closed`));
    });
  }

  async ask<Reply>(op: string, argument: unknown = {}, timeoutMs = openMs): Promise<Reply> {
    const id = this.#next++;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    const late = setTimeout(() => answer.reject(new Error(`${this.#name}: no answer to ${op}`)), timeoutMs);
    try {
      this.#socket.send(JSON.stringify({ id, op, argument }));
      return (await answer.promise) as Reply;
    } finally {
      clearTimeout(late);
    }
  }

  async kill(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#page.send(JSON.stringify({ close: this.#name }));
    await closed;
  }
}
