/** In the browser: opens a frame for each member, and takes it away again, which is as abrupt as a crash. Loaded by `page.html`. */
const frames = new Map<string, { remove(): void }>();
const page = (globalThis as unknown as { document: { body: { append(frame: object): void }; createElement(tag: string): { src: string; remove(): void } } }).document;
const socket = new WebSocket(`ws://${new URL(import.meta.url).host}/control?page`);

socket.addEventListener('message', ({ data }) => {
  const { open, close } = JSON.parse(String(data)) as { open?: string; close?: string };
  if (open !== undefined) {
    const frame = page.createElement('iframe');
    frame.src = `/frame.html?${encodeURIComponent(open)}`;
    frames.set(open, frame);
    page.body.append(frame);
  }
  if (close !== undefined) {
    frames.get(close)?.remove();
    frames.delete(close);
  }
});
