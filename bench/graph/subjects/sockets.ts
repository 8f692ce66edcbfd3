/** Many plain sockets that speak as gun.js clients do: subscribers of a fan-out, and their writer. The same for every relay. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { idOf, nodeOf } from '../made.ts';
import { answer } from './answer.ts';

interface Client {
  readonly socket: WebSocket;
  /** Values that it was told, by key: a relay may merge several puts in one message. */
  readonly seen: Set<string>;
}

const clients: Client[] = [];
const openTimeoutMs = 30_000;
/** When nothing comes any more, the rest is taken for lost. */
const silenceMs = 10_000;
/** Relays take messages of one id for the same, whichever process made them. */
let ids = process.pid * 1_000_000;
let deliveries = 0;
let lastAt = 0;
let frames = 0;

const now = (): number => performance.timeOrigin + performance.now();

async function connect(url: string, name: string, soul: string): Promise<void> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  const client: Client = { socket, seen: new Set() };
  clients.push(client);
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve).once('error', reject);
    setTimeout(() => reject(new Error(`no connection to ${url}`)), openTimeoutMs).unref();
  });
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer) => heard(client, data.toString(), soul, name));
  socket.send(JSON.stringify({ '#': idOf('h', ids++), dam: 'hi' }));
}

function heard(client: Client, frame: string, soul: string, name: string): void {
  frames++;
  const parsed = JSON.parse(frame) as Record<string, unknown> | Record<string, unknown>[];
  for (const message of Array.isArray(parsed) ? parsed : [parsed]) {
    if (message['dam'] === '?' && message['@'] === undefined) client.socket.send(JSON.stringify({ dam: '?', pid: name, '@': message['#'], '#': idOf('q', ids++) }));
    const node = (message['put'] as Record<string, Record<string, unknown>> | undefined)?.[soul];
    if (node === undefined) continue;
    for (const key of Object.keys(node)) {
      if (!key.startsWith('k') || client.seen.has(key)) continue;
      client.seen.add(key);
      deliveries++;
      lastAt = now();
    }
  }
}

answer({
  /** Connects `count` sockets, a few at a time, and asks for `soul` on each: that is the subscription. */
  subscribe: async ({ url, count, soul, name }: { url: string; count: number; soul: string; name: string }) => {
    for (let at = 0; at < count; at += 20) {
      await Promise.all(Array.from({ length: Math.min(20, count - at) }, (_, step) => connect(url, `${name}${at + step}`, soul)));
    }
    for (const { socket } of clients) socket.send(JSON.stringify({ '#': idOf('g', ids++), get: { '#': soul } }));
  },
  /** How many have got `key`. */
  having: ({ key }: { key: string }) => clients.filter(({ seen }) => seen.has(key)).length,
  reset: () => {
    for (const { seen } of clients) seen.clear();
    deliveries = frames = 0;
  },
  /** Puts of one key each on the first socket, one frame after the other. */
  burst: async ({ soul, first, count, gapMs }: { soul: string; first: number; count: number; gapMs: number }) => {
    const begun = now();
    for (let at = first; at < first + count; at++) {
      const put = { [soul]: nodeOf(soul, { [`k${at}`]: at }, Date.now() - 1) };
      clients[0]?.socket.send(JSON.stringify({ '#': idOf('w', ids++), put }));
      if (gapMs > 0) await sleep(gapMs);
    }
    return begun;
  },
  delivered: async ({ count }: { count: number }) => {
    for (lastAt = now(); deliveries < count && now() - lastAt < silenceMs;) await sleep(2);
    return { deliveries, lastAt, frames };
  },
}, () => clients.forEach(({ socket }) => socket.terminate()));
