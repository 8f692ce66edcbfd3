import { WebSocket } from 'ws';
import type { SocketFactory } from './client.ts';

export interface NodeSocketOptions {
  /** Bytes of a frame; larger ones end the connection. */
  readonly maxPayload?: number;
}

const defaultMaxPayload = 16 * 1024 * 1024;
const handshakeMs = 10_000;

/** Sockets of `ws`: unlike the global one of Node they can be paused. */
export function nodeSocket({ maxPayload = defaultMaxPayload }: NodeSocketOptions = {}): SocketFactory {
  return (url, events) => {
    const socket = new WebSocket(url, { maxPayload, perMessageDeflate: false, handshakeTimeout: handshakeMs, followRedirects: false });
    socket.on('open', () => events.open());
    socket.on('message', (data, binary) => {
      if (!binary) events.text(textOf(data));
    });
    socket.on('close', () => events.closed());
    socket.on('error', () => {});
    return {
      send: (text) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(text);
      },
      buffered: () => socket.bufferedAmount,
      close: () => {
        if (socket.readyState === WebSocket.CONNECTING) socket.terminate();
        else socket.close(1000);
      },
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    };
  };
}

/** What `ws` gives for a text frame. */
export function textOf(data: WebSocket.RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return data instanceof ArrayBuffer ? Buffer.from(data).toString() : data.toString();
}
