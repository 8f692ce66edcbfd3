import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMesh } from '../../../src/graph/dam/create.ts';
import { createGraphPeer } from '../../../src/graph/peer/create.ts';
import type { GraphPeer } from '../../../src/graph/peer/peer.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { openGraphServer } from '../../../src/graph/wire/server.ts';
import { seededRandom, systemClock } from '../../../src/std/std.ts';
import { startGun } from '../wire/gun-process.ts';

interface Relay {
  readonly peer: GraphPeer;
  readonly url: string;
  close(): Promise<void>;
}

async function relayInMemory(): Promise<Relay> {
  const clock = systemClock;
  const random = seededRandom(5);
  const peer = createGraphPeer({ store: new MemoryStore(), clock, random, mesh: (handler, pid) => createMesh({ handler, clock, random, pid, relay: true }) });
  const server = await openGraphServer({ host: '127.0.0.1', port: 0, mesh: peer.mesh, clock });
  return {
    peer,
    url: `http://127.0.0.1:${server.address.port}/gun`,
    close: async () => {
      await server.close();
      await peer.close();
    },
  };
}

/** Until it is true, or the test's own time is up. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await systemClock.sleep(20);
}

test('gun.js takes the acknowledgement of a relay in memory for success, and its nested puts end', { timeout: 60_000 }, async () => {
  const relay = await relayInMemory();
  const gun = await startGun({ peers: [relay.url] });
  try {
    const plain = await gun.put(['a'], { x: 1 });
    assert.equal(plain['err'], undefined);
    assert.deepEqual(plain['ok'], { memory: 1 });
    const nested = await gun.put(['list', 'new'], { text: 'deep', in: { deeper: true } });
    assert.equal(nested['err'], undefined);
    assert.deepEqual(nested['ok'], { memory: 1 });
    assert.equal(relay.peer.peek('list/new/in')?.value('deeper'), true);
  } finally {
    await gun.close();
    await relay.close();
  }
});

test('what gun.js wrote while it was away reaches us and others although nobody asks for it', { timeout: 60_000 }, async () => {
  const relay = await relayInMemory();
  const writer = await startGun({ peers: [relay.url] });
  const reader = await startGun({ peers: [relay.url] });
  try {
    await writer.put(['list', 'one'], { text: 'first' });
    await reader.on(['list', 'one']);
    await until(() => relay.peer.peek('list/one')?.value('text') === 'first');
    await writer.disconnect();
    await writer.put(['list', 'one'], { text: 'changed' }, 0);
    await writer.put(['list', 'two'], { text: 'made offline' }, 0);
    await writer.connect();
    await until(() => relay.peer.peek('list/one')?.value('text') === 'changed');
    await until(() => relay.peer.peek('list/two')?.value('text') === 'made offline');
    const deadline = systemClock.nowMs() + 20_000;
    let heard: unknown[] = [];
    while (!heard.includes('changed') && systemClock.nowMs() < deadline) {
      heard = (await reader.heard()).map(({ data }) => (data as { text?: unknown } | null)?.text);
      await systemClock.sleep(50);
    }
    assert.ok(heard.includes('changed'), 'who listens to the node hears of it');
  } finally {
    await writer.close();
    await reader.close();
    await relay.close();
  }
});
