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
  sent: number;
  /** Connections that the node ended. */
  ended: number;
  readonly kinds: Map<string, number>;
}

/** What one connection gives to its socket before it waits. */
const outstandingBytes = 4 * 1024 * 1024;

/** Sends `count` messages, one after the other, over as many connections as the node makes it need. */
export async function sendGarbage(target: Target, from: string, random: Random, known: Known, count: number, tally: Tally): Promise<void> {
  let socket: WebSocket | undefined;
  for (let n = 0; n < count;) {
    if (socket === undefined || socket.readyState !== WebSocket.OPEN) {
      if (socket !== undefined) tally.ended += 1;
      socket = await open(target, from);
      continue;
    }
    const { kind, frame } = garbage(random, known, n);
    socket.send(frame);
    n += 1;
    tally.sent += 1;
    tally.kinds.set(kind, (tally.kinds.get(kind) ?? 0) + 1);
    if (n % 64 === 0) await room(socket);
  }
  if (socket !== undefined) {
    await room(socket, 0);
    socket.terminate();
  }
}

async function room(socket: WebSocket, most = outstandingBytes): Promise<void> {
  await sleep(0);
  for (let tries = 0; socket.bufferedAmount > most && socket.readyState === WebSocket.OPEN && tries < 3_000; tries++) await sleep(10);
}

/** Tries until the node lets it in: a full or busy node may refuse at times. */
async function open({ host, port }: Target, from: string): Promise<WebSocket> {
  for (let tries = 0; ; tries++) {
    const socket = new WebSocket(`ws://${host}:${port}/gun`, { localAddress: from, perMessageDeflate: false });
    socket.on('error', () => undefined);
    socket.on('message', () => undefined);
    const opened = await Promise.race([once(socket, 'open').then(() => true, () => false), once(socket, 'close').then(() => false)]);
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
