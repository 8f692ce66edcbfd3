/** Sessions of a client with a few things others than they were, sent to a real server. */
import { connect, type Socket } from 'node:net';
import { seededRandom, type Random } from '../../src/std/std.ts';
import { Client, get, put, status } from './client.ts';
import { token } from './serving.ts';

const lingerMs = 300;

/** How long the slowest call of a client took that behaved itself meanwhile. */
export async function assail(port: number, { sessions, seed }: { sessions: number; seed: number }): Promise<{ slowestMs: number }> {
  const { sent } = await recorded(port);
  const session = Buffer.concat(sent);
  const random = seededRandom(seed);
  const beside = new Client(port);
  let slowestMs = 0;
  let begun = 0;
  const attacker = async (): Promise<void> => {
    while (begun++ < sessions) await attack(port, mutated(session, random), random);
  };
  const watch = async (): Promise<void> => {
    while (begun < sessions) {
      const startedMs = performance.now();
      await beside.nodes();
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  try {
    await Promise.all([watch(), ...Array.from({ length: 16 }, attacker)]);
    return { slowestMs };
  } finally {
    beside.close();
  }
}

/** Resolves when the connection is over: ended by the server, after what was sent, or, half finished, after a while. */
function attack(port: number, bytes: Uint8Array, random: Random): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ port, host: '127.0.0.1' });
    const late = setTimeout(() => socket.destroy(), lingerMs);
    socket.on('error', () => undefined).resume().once('close', () => {
      clearTimeout(late);
      resolve();
    });
    const cut = random.integer(bytes.length);
    socket.write(bytes.subarray(0, cut));
    socket.write(bytes.subarray(cut));
    if (random.unit() < 0.9) socket.end();
  });
}

/** The bytes of a client that does a little of everything. */
export async function recorded(port: number): Promise<{ sent: readonly Uint8Array[] }> {
  const client = new Client(port);
  await client.about();
  await client.nodes();
  const session = await client.login(token);
  await put(session, 'recorded', [new Uint8Array(3000), new Uint8Array(2)]);
  await get(session, 'recorded', async () => undefined);
  client.nextUpdate().catch(() => undefined);
  client.download('recorded').catch(() => undefined);
  await status(session);
  client.close();
  await client.ended;
  return { sent: client.sent };
}

/** A few bytes, words or lengths others than they were; parts left out, twice, or in another place. */
function mutated(session: Uint8Array, random: Random): Uint8Array {
  const bytes = Uint8Array.from(session);
  const view = new DataView(bytes.buffer);
  const words = bytes.length >> 3;
  for (let count = 1 + random.integer(6); count > 0; count--) {
    const word = random.integer(words) * 8;
    const kind = random.integer(5);
    if (kind === 0) bytes[random.integer(bytes.length)] = random.integer(256);
    else if (kind === 1) view.setUint32(word + 4 * random.integer(2), random.integer(0x1_0000_0000), true);
    else if (kind === 2) view.setUint32(word, [0, 1, 0x7fff_ffff, 0xffff_ffff][random.integer(4)] as number, true);
    else if (kind === 3) bytes.copyWithin(word, random.integer(words) * 8, random.integer(words) * 8);
    else return bytes.subarray(0, random.integer(bytes.length));
  }
  return bytes;
}
