/** What TCP over 127.0.0.1 carries in one stream, sender and receiver on threads of their own. */
import { connect, createServer, type AddressInfo } from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const chunkBytes = 256 * 1024;
const limitMs = 30_000;

interface Sending {
  readonly port: number;
  readonly durationMs: number;
}

/** Bytes a second, as the receiver counts them from its first byte to its last. */
export async function measureLoopback(durationMs: number, signal: AbortSignal): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const sending: Sending = { port: (server.address() as AddressInfo).port, durationMs };
  const sender = new Worker(new URL(import.meta.url), { workerData: sending });
  try {
    return await new Promise<number>((resolve, reject) => {
      const failed = (error: Error): void => reject(error);
      AbortSignal.any([signal, AbortSignal.timeout(durationMs + limitMs)]).addEventListener('abort', () => failed(new Error('the loopback stream was cut short')), { once: true });
      sender.once('error', failed);
      server.once('connection', (socket) => {
        let bytes = 0;
        let firstMs: number | undefined;
        socket.on('data', (chunk) => {
          firstMs ??= performance.now();
          bytes += chunk.length;
        });
        socket.once('error', failed);
        socket.once('end', () => resolve(bytes / ((performance.now() - (firstMs ?? 0)) / 1000)));
      });
    });
  } finally {
    server.close();
    await sender.terminate();
  }
}

function send({ port, durationMs }: Sending): void {
  const chunk = Buffer.alloc(chunkBytes, 7);
  const socket = connect({ port, host: '127.0.0.1' }, () => {
    const endMs = performance.now() + durationMs;
    const push = (): void => {
      while (performance.now() < endMs) {
        if (!socket.write(chunk)) {
          socket.once('drain', push);
          return;
        }
      }
      socket.end();
    };
    push();
  });
  parentPort?.unref();
}

if (!isMainThread && (workerData as Sending | null)?.port !== undefined) send(workerData as Sending);
