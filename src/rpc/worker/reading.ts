/** Reads sockets into one kept buffer: fresh memory for each read keeps the collector busier than the read itself. */
import { Socket } from 'node:net';

/** What one read may bring. */
const readBytes = 256 * 1024;
/** One for all sockets of the thread: what a read brought is taken before the next can begin. */
const room = Buffer.alloc(readBytes);

/**
 * The same connection; bytes of its `data` events are good until the listener returns. Node has `onread` only for sockets that it
 * connects itself, so an accepted one, which must not have begun to read (`pauseOnConnect`), gives its handle to another.
 */
export function readingIntoOne(accepted: Socket): Socket {
  const owner = accepted as unknown as { _handle: object | null };
  const handle = owner._handle;
  if (handle === null || handle === undefined) return accepted;
  owner._handle = null;
  const socket: Socket = new Socket({
    handle, manualStart: true, readable: true, writable: true,
    onread: { buffer: room, callback: (bytes: number) => socket.emit('data', room.subarray(0, bytes)) },
  } as ConstructorParameters<typeof Socket>[0]);
  return socket;
}
