/** Sessions of a client with a few things others than they were, sent to a real server. */
import { connect, type Socket } from 'node:net';
import { seededRandom, type Random } from '../../src/std/std.ts';
import { Client, get, put, status } from './client.ts';
import { token } from './serving.ts';

const lingerMs = 300;
const stepMs = 20;

export interface Assault {
  readonly sessions: number;
  readonly seed: number;
  /** The session that is changed; `recorded` unless said otherwise. */
  readonly record?: (port: number) => Promise<{ readonly sent: readonly Uint8Array[] }>;
}

/** How long the slowest call of a client took that behaved itself meanwhile. */
export async function assail(port: number, { sessions, seed, record = recorded }: Assault): Promise<{ slowestMs: number }> {
  const { sent } = await record(port);
  const random = seededRandom(seed);
  const beside = new Client(port);
  let slowestMs = 0;
  let begun = 0;
  const attacker = async (): Promise<void> => {
    while (begun++ < sessions) await attack(port, mutatedSession(sent, random), random);
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

/** Step by step, each after an answer to the one before or a moment later: numbers of questions are used again once they were answered. */
async function attack(port: number, steps: readonly Uint8Array[], random: Random): Promise<void> {
  const socket: Socket = connect({ port, host: '127.0.0.1' });
  const closed = new Promise<void>((resolve) => socket.on('error', () => undefined).once('close', () => resolve()));
  let heard: () => void = () => undefined;
  socket.on('data', () => heard());
  for (const step of steps) {
    if (socket.destroyed) break;
    const answered = new Promise<void>((resolve) => (heard = resolve));
    const cut = random.integer(step.length + 1);
    socket.write(step.subarray(0, cut));
    socket.write(step.subarray(cut));
    await Promise.race([answered, closed, new Promise((resolve) => setTimeout(resolve, stepMs))]);
  }
  // Some stay for a while, half finished; the others go after what they sent.
  if (random.unit() < 0.9) socket.end();
  const late = setTimeout(() => socket.destroy(), lingerMs);
  await closed;
  clearTimeout(late);
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

/** Some steps are others than they were, left out, or sent twice. */
function mutatedSession(steps: readonly Uint8Array[], random: Random): Uint8Array[] {
  const chosen = new Set(Array.from({ length: 1 + random.integer(3) }, () => random.integer(steps.length)));
  return steps.flatMap((step, index) => {
    if (!chosen.has(index)) return [step];
    const kind = random.integer(8);
    if (kind === 0) return [];
    return kind === 1 ? [step, step] : [mutated(step, random)];
  });
}

/** A few bytes, words or lengths others than they were, or cut off. */
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
