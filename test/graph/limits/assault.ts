/** Those who flood a node: connections that send garbage, that never read, and that are never finished. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Random } from '../../../src/std/std.ts';
import { garbage, type Known } from './garbage.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface Tally {
  /** Messages that reached the node before it answered a ping, or ended the connection over one of them. */
  sent: number;
  /** Connections that the node ended. */
  ended: number;
  readonly kinds: Map<string, number>;
}

/** Messages between two pings. When the node ends a connection, what was behind the offence is lost: so few are under way at a time. */
const atOnce = 16;

/** Gets `count` messages to the node, over as many connections as it takes. */
export async function sendGarbage(target: Target, from: string, random: Random, known: Known, count: number, tally: Tally): Promise<void> {
  let socket = await open(target, from);
  for (let n = 0; n < count;) {
    const batch = Array.from({ length: Math.min(atOnce, count - n) }, (_, more) => garbage(random, known, n + more));
    for (const { frame } of batch) socket.send(frame);
    if (!(await reached(socket))) {
      tally.ended += 1;
      socket = await open(target, from);
    }
    n += batch.length;
    tally.sent += batch.length;
    for (const { kind } of batch) tally.kinds.set(kind, (tally.kinds.get(kind) ?? 0) + 1);
  }
  socket.terminate();
}

/** Whether the node answers behind all that was sent. */
async function reached(socket: WebSocket): Promise<boolean> {
  if (socket.readyState !== WebSocket.OPEN) return false;
  const waiting = new AbortController();
  const { signal } = waiting;
  socket.ping();
  try {
    return await Promise.race([once(socket, 'pong', { signal }).then(() => true), once(socket, 'close', { signal }).then(() => false)]);
  } finally {
    waiting.abort();
  }
}

/** Tries until the node lets it in: a full or busy node may refuse at times. */
async function open({ host, port }: Target, from: string): Promise<WebSocket> {
  for (let tries = 0; ; tries++) {
    const socket = new WebSocket(`ws://${host}:${port}/gun`, { localAddress: from, perMessageDeflate: false });
    socket.on('error', () => undefined);
    socket.on('message', () => undefined);
    const opened = await new Promise<boolean>((resolve) => socket.once('open', () => resolve(true)).once('close', () => resolve(false)));
    if (opened) return socket;
    if (tries > 200) throw new Error(`the node lets nobody in from ${from}`);
    await sleep(50);
  }
}

/** Asks for much, again and again, and reads nothing of it. Ends when the node ends it, or with the signal. */
export async function neverRead(target: Target, from: string, soul: string, signal: AbortSignal): Promise<'ended' | 'borne'> {
  const socket = await open(target, from);
  socket.pause();
  for (let n = 0; !signal.aborted && socket.readyState === WebSocket.OPEN; n++) {
    socket.send(JSON.stringify({ '#': `slow${n}`, get: { '#': soul } }));
    if (n % 20 === 0) await sleep(10);
  }
  const ended = socket.readyState !== WebSocket.OPEN;
  socket.terminate();
  return ended ? 'ended' : 'borne';
}

/** Sockets that begin something and leave it at that: nothing, half a request, half a frame, a frame that is none. */
export async function openHalf({ host, port }: Target, from: string, count: number): Promise<() => void> {
  const upgrade = 'GET /gun HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
  const beginnings: readonly Buffer[] = [
    Buffer.alloc(0), Buffer.from('GET /gun HT'), Buffer.from(upgrade.slice(0, 60)), Buffer.from('\0\xff\r\n\r\n', 'latin1'),
    Buffer.concat([Buffer.from(upgrade), Buffer.from([0x81, 0xfe, 0xff, 0xff, 1, 2, 3, 4])]),
    Buffer.concat([Buffer.from(upgrade), Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4])]),
    Buffer.concat([Buffer.from(upgrade), Buffer.from([0xf3, 0x05, 0x68])]),
    Buffer.concat([Buffer.from(upgrade), Buffer.from([0x01, 0x81, 1, 2, 3, 4, 0x41]), Buffer.alloc(0)]),
    Buffer.from('GET /elsewhere HTTP/1.1\r\nHost: localhost\r\n\r\n'), Buffer.from('POST /gun HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nx'),
  ];
  const sockets: Socket[] = [];
  for (let n = 0; n < count; n++) {
    const socket = connect({ host, port, localAddress: from });
    socket.on('error', () => undefined);
    socket.write(beginnings[n % beginnings.length] as Buffer);
    sockets.push(socket);
    if (n % 50 === 0) await sleep(5);
  }
  return () => { for (const socket of sockets) socket.destroy(); };
}
