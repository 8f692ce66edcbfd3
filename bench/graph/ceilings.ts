/** What the machine gives for the parts that every graph needs: a synced write, JSON, a frame over loopback. */
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import type { Figures } from './figures.ts';
import { putFrames } from './made.ts';

const variant = 'machine';

export async function measureCeilings(figures: Figures, room: string, forMs: number): Promise<void> {
  figures.add('ceiling: 4 KiB appended with fsync', variant, 'writes/s', fsyncs(room, forMs));
  figures.add('ceiling: JSON.parse of put frames', variant, 'puts/s', parses(forMs));
  figures.add('ceiling: WebSocket frames of one put, one socket', variant, 'frames/s', await frames(forMs));
}

function fsyncs(room: string, forMs: number): number {
  const place = mkdtempSync(join(room, 'fsync-'));
  const file = openSync(join(place, 'log'), 'a');
  try {
    const block = Buffer.alloc(4096, 7);
    return perSecond(forMs, () => {
      writeSync(file, block);
      fsyncSync(file);
      return 1;
    });
  } finally {
    closeSync(file);
    rmSync(place, { recursive: true });
  }
}

function parses(forMs: number): number {
  const texts = [...putFrames(0, 2_000)].map(({ frame }) => frame);
  let at = 0;
  return perSecond(forMs, () => (JSON.parse(texts[at++ % texts.length] ?? '[]') as unknown[]).length);
}

function perSecond(forMs: number, step: () => number): number {
  const begun = performance.now();
  let done = 0;
  while (performance.now() - begun < forMs) done += step();
  return (done / (performance.now() - begun)) * 1000;
}

/** Sender and receiver share this process: two would do better on two cores, and so would two relays. */
async function frames(forMs: number): Promise<number> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  await new Promise((resolve) => server.once('listening', resolve));
  let received = 0;
  server.on('connection', (socket) => socket.on('message', () => received++));
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { perMessageDeflate: false });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const text = [...putFrames(0, 1)][0]?.frame ?? '';
  const begun = performance.now();
  while (performance.now() - begun < forMs) {
    for (let at = 0; at < 100; at++) socket.send(text);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const rate = (received / (performance.now() - begun)) * 1000;
  socket.terminate();
  await new Promise((resolve) => server.close(resolve));
  return rate;
}
