/** Data that a seed makes, the same on every machine. */
import type { Random } from '../../src/std/std.ts';

/**
 * A chain of words: each follows the one before it as often as in `sample`. It has the words and the pairs of the sample
 * and none of its longer phrases, so it shrinks about as prose of its length does.
 */
export function words(bytes: number, sample: string, random: Random): Uint8Array {
  const corpus = sample.split(/\s+/).filter((word) => word !== '');
  if (corpus.length === 0) corpus.push('pangea');
  const followers = new Map<string, string[]>();
  for (const [index, word] of corpus.entries()) {
    const next = corpus[(index + 1) % corpus.length] as string;
    const known = followers.get(word);
    if (known === undefined) followers.set(word, [next]);
    else known.push(next);
  }
  const out = Buffer.alloc(bytes);
  let word = corpus[0] as string;
  let column = 0;
  for (let at = 0; at < bytes;) {
    const end = column > 90 ? '\n' : ' ';
    const written = out.write(`${word}${end}`, at);
    if (written === 0) break; // a letter of several bytes does not fit the end
    at += written;
    column = end === '\n' ? 0 : column + word.length + 1;
    // A jump now and then keeps a short sample from being told over and over.
    const next = random.integer(16) === 0 ? corpus : (followers.get(word) as string[]);
    word = next[random.integer(next.length)] as string;
  }
  return out;
}

const levels = ['debug', 'info', 'info', 'info', 'warn', 'error'];
const parts = ['transport', 'store', 'objects', 'dht', 'repair', 'http'];
const messages = ['shard stored', 'request served', 'peer connected', 'peer gone', 'row rebuilt', 'lease renewed', 'slow answer'];
const paths = ['/api/objects', '/api/objects/head', '/metrics', '/healthz', '/status', '/api/peers'];

/** Log lines as a service writes them: fixed fields, ids and times that move, numbers that vary. */
export function jsonLogs(bytes: number, random: Random): Uint8Array {
  const pick = (list: readonly string[]): string => list[random.integer(list.length)] as string;
  const peers = Array.from({ length: 64 }, () => Buffer.from(random.bytes(16)).toString('hex'));
  const out = Buffer.alloc(bytes, '\n');
  let timeMs = 1_760_000_000_000;
  for (let at = 0; at < bytes;) {
    timeMs += random.integer(40);
    const line = JSON.stringify({
      time: new Date(timeMs).toISOString(), level: pick(levels), part: pick(parts), message: pick(messages), peer: pick(peers),
      request: { method: random.integer(5) === 0 ? 'PUT' : 'GET', path: pick(paths), id: Buffer.from(random.bytes(8)).toString('hex') },
      status: random.integer(20) === 0 ? 503 : 200, bytes: random.integer(1_048_576), elapsedMs: Number((random.unit() * 80).toFixed(3)),
    });
    at += out.write(`${line}\n`, at);
  }
  return out;
}
