/** What every engine must do. Two connections are each other's network, so that all of it runs in one process. */
import assert from 'node:assert/strict';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { Message } from 'capnp-es';
import { isPangeaError } from '../../src/errors/errors.ts';
import type { Engine, Servant } from '../../src/rpc/engine/engine.ts';
import { alone, ask, bytesOf, childOf, listenerId, numberOf, pair, probeId, tableEmpty, write, type Pair } from '../rpc/engine/probe.ts';

const mebibyte = 1024 * 1024;
const settled = async (): Promise<void> => {
  for (let round = 0; round < 5; round += 1) await turn();
};
const refused = (code: string, text: RegExp) => (error: unknown): boolean => isPangeaError(error) && error.code === code && text.test(error.message);

export function rpcEngineConformance(name: string, make: () => Engine, makeOther: () => Engine = make): void {
  const check = (title: string, run: (engine: Engine, other: Engine) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout: 60_000 }, () => run(make(), makeOther()));
  };
  /** Nothing of the client's is left with the server, and the other way round. */
  const clean = async ({ server, client }: Pair): Promise<void> => {
    await settled();
    for (const { unansweredCalls, exported, imported } of [server.counts(), client.counts()]) {
      assert.deepEqual({ unansweredCalls, exported, imported }, tableEmpty);
    }
  };

  check('answers calls with what was sent', async (engine, other) => {
    const both = pair(engine, {}, other);
    const bytes = Uint8Array.from({ length: 1000 }, (_, at) => at);
    const { results } = await ask(both.root, 0, { number: 7n, bytes });
    assert.equal(numberOf(results), 7n);
    assert.deepEqual(bytesOf(results), bytes);
    both.root.release();
    await clean(both);
  });

  check('gives an answer that comes together with the goodbye', async (engine, other) => {
    const [server, client] = [alone(engine), alone(other)];
    const carry = async (from: typeof server, to: typeof server): Promise<void> => {
      await settled();
      const bytes = Buffer.concat(from.output.splice(0));
      if (bytes.length > 0) to.server.receive(bytes);
    };
    const root = client.server.bootstrap();
    const asked = ask(root, 0, { number: 7n });
    const unanswered = ask(root, 1, {});
    unanswered.catch(() => undefined);
    await carry(client, server);
    await settled();
    server.server.close();
    await carry(server, client);
    assert.equal(numberOf((await asked).results), 7n);
  });

  for (const mebibytes of [1, 16, 64]) {
    check(`carries ${mebibytes} MiB both ways`, async (engine, other) => {
      const both = pair(engine, {}, other);
      const bytes = new Uint8Array(mebibytes * mebibyte).fill(9);
      bytes[bytes.length - 1] = 7;
      const { results } = await ask(both.root, 0, { bytes });
      assert.equal(Buffer.compare(bytesOf(results), bytes), 0);
      await settled();
      assert.ok(both.server.counts().memoryBytes < mebibyte, `${both.server.counts().memoryBytes} bytes are kept`);
      both.root.release();
      await clean(both);
    });
  }

  check('takes 64 calls at once and answers each with its own', async (engine, other) => {
    const both = pair(engine, {}, other);
    const numbers = Array.from({ length: 64 }, (_, at) => BigInt(at));
    const answers = await Promise.all(numbers.map((number) => ask(both.root, 0, { number })));
    assert.deepEqual(answers.map(({ results }) => numberOf(results)), numbers);
    both.root.release();
    await clean(both);
  });

  check('lets calls on one object begin in their order, and streaming ones one at a time', async (engine, other) => {
    const both = pair(engine, {}, other);
    const writes = Array.from({ length: 50 }, (_, at) => ask(both.root, 5, { number: BigInt(at) }));
    const { results } = await ask(both.root, 6);
    assert.deepEqual([numberOf(results), numberOf(results, 1)], [50n, 1n]);
    assert.equal(both.probe.mostRunning, 1);
    await Promise.all(writes);
    both.root.release();
    await clean(both);
  });

  check('gives the failure of a streaming call to all that come after it', async (engine, other) => {
    const both = pair(engine, {}, other);
    const [failed, late] = await Promise.allSettled([ask(both.root, 5, { number: 1000n }), ask(both.root, 6)]);
    for (const each of [failed, late]) assert.ok(each.status === 'rejected' && refused('PEER_REFUSED', /STORE_FULL: no room/)(each.reason));
    both.root.release();
    await clean(both);
  });

  check('gives exceptions their type and reason, and no secrets', async (engine, other) => {
    const both = pair(engine, {}, other);
    await assert.rejects(ask(both.root, 4, { text: 'not you' }), refused('PEER_REFUSED', /^DENIED: not you$/));
    await assert.rejects(ask(both.root, 4, { number: 1n }), refused('PEER_REFUSED', /^INTERNAL: the call failed$/));
    await assert.rejects(ask(both.root, 99), refused('NOT_SUPPORTED', /no method 99/));
    await assert.rejects(both.root.call(1n, 0, new Message()), refused('NOT_SUPPORTED', /no such interface/));
    both.root.release();
    await clean(both);
  });

  check('hands objects out, and hears when they are released', async (engine, other) => {
    const both = pair(engine, {}, other);
    const child = childOf((await ask(both.root, 1)).results);
    assert.equal(both.server.counts().exported, 1);
    assert.equal(numberOf((await ask(child, 0, { number: 5n })).results), 5n);
    assert.equal(numberOf((await ask(child, 10, { capability: child })).results), 1n, 'our own comes back as itself');
    child.release();
    await settled();
    assert.equal(both.probe.children[0]?.droppedTimes, 1);
    await assert.rejects(ask(child, 0), refused('PEER_UNREACHABLE', /./));
    both.root.release();
    await clean(both);
  });

  check('sends an object again that is being released', async (engine, other) => {
    const both = pair(engine, {}, other);
    const kept: Servant = { dispatch: () => ({ results: write({ number: 3n }) }) };
    const giver: Servant = { dispatch: () => ({ results: write({ capability: kept }) }) };
    both.clientProbe.dispatch = giver.dispatch;
    const back = both.server.bootstrap();
    for (let round = 0; round < 100; round += 1) {
      const [first, second] = await Promise.all([ask(back, 0), ask(back, 0)]);
      childOf(first.results).release();
      const third = ask(back, 0);
      childOf(second.results).release();
      const last = childOf((await third).results);
      assert.equal(numberOf((await ask(last, 0)).results), 3n);
      last.release();
    }
    back.release();
    both.root.release();
    await clean(both);
  });

  check('calls back after the call that brought the object has returned', async (engine, other) => {
    const both = pair(engine, {}, other);
    const heard: bigint[] = [];
    let dropped = 0;
    const listener: Servant = {
      dispatch: ({ interfaceId, params }) => {
        assert.equal(interfaceId, listenerId);
        heard.push(numberOf(params));
        return { results: write({}) };
      },
      dropped: () => {
        dropped += 1;
      },
    };
    await ask(both.root, 2, { list: [listener] });
    assert.equal(numberOf((await ask(both.root, 3, { number: 8n })).results), 8n);
    assert.deepEqual(heard, [], 'not before the return');
    await settled();
    assert.deepEqual(heard, [8n]);
    await ask(both.root, 8);
    await settled();
    assert.equal(dropped, 1);
    both.root.release();
    await clean(both);
  });

  check('takes 200 objects in one call, and releases what nobody keeps', async (engine, other) => {
    const both = pair(engine, {}, other);
    let dropped = 0;
    const many = (): Servant[] => Array.from({ length: 200 }, () => ({ dispatch: () => ({ results: write({}) }), dropped: () => void (dropped += 1) }));
    await ask(both.root, 2, { list: many() });
    assert.equal(both.server.counts().imported, 200);
    await ask(both.root, 8);
    await settled();
    assert.equal(dropped, 200);
    // As parameters of a call that does not keep them.
    await both.root.call(probeId, 0, write({ list: many() })).catch(() => undefined);
    await settled();
    assert.equal(dropped, 400);
    both.root.release();
    await clean(both);
  });

  check('reads messages of an older schema, and parameters that are none of the method', async (engine, other) => {
    const both = pair(engine, {}, other);
    assert.equal(numberOf((await both.root.call(probeId, 0, new Message())).results), 0n);
    await assert.rejects(ask(both.root, 4, { capability: both.root }), refused('PEER_REFUSED', /PROTOCOL: the parameters/));
    both.root.release();
    await clean(both);
  });

  check('ends with all that was under way when the other goes', async (engine, other) => {
    const both = pair(engine, {}, other);
    const child = childOf((await ask(both.root, 1)).results);
    const waiting = [ask(both.root, 7), ask(child, 7), ask(both.root, 1, { number: 20n })];
    await settled();
    assert.equal(both.server.counts().unansweredCalls, 3);
    const outcome = Promise.allSettled(waiting);
    both.client.close();
    for (const each of await outcome) assert.ok(each.status === 'rejected' && refused('PEER_UNREACHABLE', /./)(each.reason));
    assert.equal(both.ends.server, 'goodbye');
    assert.equal(both.probe.cancelled + (both.probe.children[0]?.cancelled ?? 0), 2);
    assert.equal(both.probe.droppedTimes, 1);
    assert.equal(both.probe.children[0]?.droppedTimes, 1);
    assert.deepEqual(both.server.counts(), { ...tableEmpty, memoryBytes: 0 });
    await sleep(30);
    both.client.close();
    await assert.rejects(ask(child, 0), refused('PEER_UNREACHABLE', /./));
  });

  check('pauses at the most unanswered calls, and goes on when one is answered', async (engine, other) => {
    const both = pair(engine, { unansweredCalls: 4 }, other);
    let resumed = 0;
    both.server.onResumed(() => {
      resumed += 1;
    });
    const calls = Array.from({ length: 20 }, () => ask(both.root, 1, { number: 1n }));
    await settled();
    assert.ok(both.server.isPaused);
    assert.equal(both.server.counts().unansweredCalls, 4);
    const children = await Promise.all(calls);
    assert.ok(!both.server.isPaused && resumed > 0);
    for (const { results } of children) childOf(results).release();
    both.root.release();
    await clean(both);
  });

  check('holds no more memory than it may', async (engine, other) => {
    const both = pair(engine, { memoryBytes: 4 * mebibyte }, other);
    const calls = Array.from({ length: 16 }, () => both.root.call(probeId, 7, write({ bytes: new Uint8Array(mebibyte) })));
    void Promise.allSettled(calls);
    await settled();
    assert.ok(both.server.isPaused);
    // What has arrived is kept, as the socket would have kept it.
    assert.ok(both.server.counts().unansweredCalls <= 4);
    both.client.close();
    both.server.close();
  });

  for (const [title, own, fields, code] of [
    ['a message that is too large', { messageBytes: 4096 }, { bytes: new Uint8Array(5000) }, 'TOO_LARGE'],
    ['too many capabilities', { capabilities: 3 }, { list: Array.from({ length: 4 }, () => ({ dispatch: () => ({ results: write({}) }) })) }, 'TOO_MANY'],
  ] as const) {
    check(`ends for ${title}, and says so to both`, async (engine, other) => {
      const both = pair(engine, own, other);
      await assert.rejects(both.root.call(probeId, 2, write(fields)), refused('PEER_UNREACHABLE', /./));
      assert.ok(isPangeaError(both.ends.server, code), String(both.ends.server));
      assert.match(String(both.ends.client), new RegExp(`gave up: ${code}`));
      assert.equal(both.probe.droppedTimes, 1);
    });
  }

  check('refuses to keep more objects with the other than it may', async (engine, other) => {
    const both = pair(engine, { capabilities: 3 }, other);
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => ask(both.root, 1)));
    const refusals = outcomes.filter((each) => each.status === 'rejected');
    assert.ok(refusals.length > 0 && refusals.every((each) => refused('PEER_REFUSED', /TOO_MANY/)(each.reason)));
    await settled();
    assert.ok(both.server.counts().exported <= 4);
    both.client.close();
  });

  check('answers to bytes that are no messages by ending alone', async (engine) => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const { server, probe } = alone(engine);
      server.receive(bytes);
      await turn();
      server.close();
      assert.equal(probe.droppedTimes, 1);
      assert.deepEqual(server.counts(), { ...tableEmpty, memoryBytes: 0 });
    }), { numRuns: 200, seed: 20_260_731 });
  });

  check('reads the same whatever the cuts', async (engine, other) => {
    const first = pair(engine, {}, other);
    const child = childOf((await ask(first.root, 1)).results);
    await ask(child, 0, { number: 3n, bytes: new Uint8Array(300) });
    child.release();
    first.root.release();
    await settled();
    const session = Buffer.concat(first.sent);
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 30 }), async (cuts) => {
      const second = alone(engine);
      let at = 0;
      for (let turnOf = 0; at < session.length; turnOf += 1) {
        const end = Math.min(session.length, at + (cuts[turnOf % cuts.length] ?? 1));
        second.server.receive(session.subarray(at, end));
        at = end;
        // The session names what its earlier answers brought.
        await turn();
      }
      await settled();
      assert.equal(second.probe.children.length, 1);
      assert.equal(second.probe.children[0]?.droppedTimes, 1);
      second.server.close();
    }), { numRuns: 12, seed: 20_260_731 });
  });
}
