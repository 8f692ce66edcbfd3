/**
 * The chat of the page, on a terminal: `node examples/graph/chat/terminal.ts NAME [RELAY] [ROOM]`. What is typed is sent,
 * a line a message; Ctrl-D ends it when all is with the relay.
 */
import { createInterface } from 'node:readline';
import { openNodeGraph } from '../../../src/graph/open-node.ts';
import type { SetOf } from '../../../src/graph/web.ts';

interface Message {
  readonly from: string;
  readonly text: string;
  readonly at: number;
}

const [name, relay = 'http://127.0.0.1:8080', room = 'lobby'] = process.argv.slice(2);
if (name === undefined) {
  process.stderr.write('usage: node examples/graph/chat/terminal.ts NAME [RELAY] [ROOM]\n');
  process.exit(64);
}

const graph = await openNodeGraph<{ 'example/chat': Record<string, SetOf<Message>> }>({ peers: [relay] });
const messages = graph.get('example/chat').get(room);
const shown = new Set<string>();

messages.map().on((message, key) => {
  const { from, text, at } = message ?? {};
  if (shown.has(key) || typeof from !== 'string' || typeof text !== 'string' || typeof at !== 'number') return;
  shown.add(key);
  process.stdout.write(`${new Date(at).toLocaleTimeString()} ${plain(from)}: ${plain(text)}\n`);
});

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') continue;
  const { lack } = await messages.set({ from: name, text: line, at: Date.now() }, undefined, { acks: 1 });
  if (lack) process.stderr.write('(the relay does not answer; it is sent when it does)\n');
}
await graph.close();

/** A message from somebody else must not steer this terminal. */
function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ');
}
