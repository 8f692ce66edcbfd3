/** A UDP path between loopback ports that delays and drops, from a seed. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { seededRandom } from '../../src/std/std.ts';

export interface LossyPathOptions {
  /** Port of the server behind the path. */
  readonly target: number;
  /** One way. */
  readonly delayMs: number;
  /** Chance that a datagram is dropped, each way. */
  readonly lossRate: number;
  readonly seed: number;
}

export interface LossyPath {
  /** Where clients send to. */
  readonly port: number;
  dropped(): number;
  close(): void;
}

export async function lossyPath({ target, delayMs, lossRate, seed }: LossyPathOptions): Promise<LossyPath> {
  const random = seededRandom(seed);
  const front = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
  /** Towards the server each client has a socket of its own, as behind a NAT. */
  const backs = new Map<number, Socket>();
  let dropped = 0;
  let closed = false;
  const later = (send: () => void): void => {
    if (random.unit() < lossRate) dropped++;
    else setTimeout(() => closed || send(), delayMs);
  };
  front.on('message', (message, from) => {
    let back = backs.get(from.port);
    if (back === undefined) {
      back = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
      back.on('message', (reply) => later(() => front.send(reply, from.port, '127.0.0.1')));
      backs.set(from.port, back);
    }
    const through = back;
    later(() => through.send(message, target, '127.0.0.1'));
  });
  front.bind(0, '127.0.0.1');
  await once(front, 'listening');
  return {
    port: front.address().port,
    dropped: () => dropped,
    close: () => {
      closed = true;
      front.close();
      for (const back of backs.values()) back.close();
    },
  };
}
