import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMesh, type Mesh, type MeshHandler } from '../../../src/graph/graph.ts';
import { seededRandom, systemClock } from '../../../src/std/std.ts';

const fields = Array.from({ length: 1_000 }, (_, n) => ({ key: `k${n}`, value: 'x'.repeat(100), state: n }));

/** A mesh that answers every question with a large node, and one wire to it whose peer reads or does not. */
function askMuch(questions: number, buffered: () => number): { readonly asked: () => number; readonly sent: () => number; readonly close: () => void } {
  let asked = 0;
  let sent = 0;
  const none = (): void => undefined;
  const handler: MeshHandler = {
    put: none, ack: none, hi: none, bye: none, extension: none,
    get: (message) => {
      asked += 1;
      mesh.answer(message, [{ soul: 'large', fields }]);
    },
  };
  const mesh: Mesh = createMesh({ handler, clock: systemClock, random: seededRandom(1), relay: true });
  const sink = mesh.attach({ name: '192.0.2.1', dialled: false, send: (text) => { sent += text.length; }, buffered, close: none });
  sink.text(JSON.stringify(Array.from({ length: questions }, (_, n) => ({ '#': `q${n}`, get: { '#': 'large' } }))));
  return { asked: () => asked, sent: () => sent, close: () => mesh.close() };
}

test('who does not read its answers is not answered further, and makes the mesh hold little', async () => {
  const peer = askMuch(5_000, () => 1e9);
  try {
    await sleep(300);
    assert.ok(peer.asked() > 10 && peer.asked() <= 60, `${peer.asked()} answers of 1,000 fields are held`);
  } finally {
    peer.close();
  }
});

test('who reads gets all of them', { timeout: 60_000 }, async () => {
  const peer = askMuch(300, () => 0);
  try {
    while (peer.asked() < 300 || peer.sent() < 300 * 100_000) await sleep(20);
  } finally {
    peer.close();
  }
});
