import type { SocketFactory } from './client.ts';

/** What browsers call `WebSocket`, as far as it is used. Node has one too, without backpressure. */
interface WebSocketLike {
  readonly bufferedAmount: number;
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
}

export const browserSocket: SocketFactory = (url, events) => {
  const { WebSocket } = globalThis as unknown as { readonly WebSocket: new (url: string) => WebSocketLike };
  const socket = new WebSocket(url);
  const open = 1;
  socket.onopen = () => events.open();
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') events.text(data);
  };
  socket.onclose = () => events.closed();
  socket.onerror = () => {};
  return {
    send: (text) => {
      if ((socket as unknown as { readonly readyState: number }).readyState === open) socket.send(text);
    },
    buffered: () => socket.bufferedAmount,
    close: () => socket.close(),
  };
};
