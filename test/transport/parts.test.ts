import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PangeaError, isPangeaError } from '../../src/errors/errors.ts';
import { seededRandom, systemClock, type Clock } from '../../src/std/std.ts';
import { ByteBudget } from '../../src/transport/byte-budget.ts';
import { ConnectionTable } from '../../src/transport/connections.ts';
import { withDeadline } from '../../src/transport/deadline.ts';
import { Dialer } from '../../src/transport/dialer.ts';
import { peerNumber } from '../peers/peer-number.ts';

const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let done = false;
  void promise.then(() => (done = true));
  await new Promise((resolve) => setImmediate(resolve));
  return done;
};

describe('byte budget', () => {
  it('makes readers wait, in order, and gives back', async () => {
    const budget = new ByteBudget(100);
    const first = budget.hold();
    await first.take(60);
    const second = budget.hold();
    const waiting = second.take(50);
    assert.equal(await settled(waiting), false, 'a reader that holds nothing never overdraws');
    first.release();
    assert.equal(await settled(waiting), true);
    second.release();
    second.release();
    assert.equal(budget.freeBytes, 100);
  });

  it('lets one incomplete body at a time overdraw, so that all can finish', async () => {
    const budget = new ByteBudget(100);
    const holds = Array.from({ length: 4 }, () => budget.hold());
    for (const hold of holds) await hold.take(25);
    const finished: number[] = [];
    await Promise.all(holds.map(async (hold, i) => {
      for (let piece = 0; piece < 3; piece++) await hold.take(25);
      finished.push(i);
      assert.ok(budget.freeBytes >= -75, 'by no more than one body');
      await new Promise((resolve) => setImmediate(resolve));
      hold.release();
    }));
    assert.equal(finished.length, 4);
    assert.equal(budget.freeBytes, 100);
  });

  it('forgets a reader that gave up', async () => {
    const budget = new ByteBudget(10);
    const first = budget.hold();
    await first.take(10);
    const second = budget.hold();
    const waiting = second.take(10);
    second.release();
    first.release();
    assert.equal(await settled(waiting), false);
    assert.equal(budget.freeBytes, 10);
  });
});

describe('connection table', () => {
  const [small = peerNumber(1), large = peerNumber(2)] = [peerNumber(1), peerNumber(2)].sort();

  it('makes both sides of a simultaneous dial choose the same connection', () => {
    const one = new ConnectionTable(small);
    const two = new ConnectionTable(large);
    // Connection A was dialled by the smaller peer, B by the larger one; each side numbers them by itself.
    const a1 = one.enter({ id: 1, peer: large, remoteAddress: '', dialled: true, openedAtMs: 0 });
    const b1 = one.enter({ id: 2, peer: large, remoteAddress: '', dialled: false, openedAtMs: 10 });
    const b2 = two.enter({ id: 1, peer: small, remoteAddress: '', dialled: true, openedAtMs: 0 });
    const a2 = two.enter({ id: 2, peer: small, remoteAddress: '', dialled: false, openedAtMs: 10 });
    assert.equal(one.usable(large), undefined, 'nobody is greeted yet');
    for (const connection of [a1, b1, a2, b2]) connection.greeted = true;
    assert.equal(one.usable(large), a1);
    assert.equal(two.usable(small), a2);
    assert.deepEqual(one.surplus(large), []);
    assert.deepEqual(two.surplus(small), [b2], 'its dialler retires the other');
  });

  it('takes a later connection for the successor of a lost one', () => {
    const table = new ConnectionTable(small);
    const old = table.enter({ id: 1, peer: large, remoteAddress: '', dialled: true, openedAtMs: 0 });
    const fresh = table.enter({ id: 2, peer: large, remoteAddress: '', dialled: false, openedAtMs: 60_000 });
    old.greeted = fresh.greeted = true;
    assert.equal(table.usable(large), fresh);
    assert.equal(table.remove(2), fresh);
    assert.equal(table.usable(large), old);
    table.remove(1);
    assert.equal(table.size, 0);
    assert.deepEqual(table.greetedPeers(), []);
  });

  it('gives the same connection for the same number', () => {
    const table = new ConnectionTable(small);
    const facts = { id: 7, peer: large, remoteAddress: 'x', dialled: true, openedAtMs: 0 };
    assert.equal(table.enter(facts), table.enter(facts));
    assert.equal(table.of(large).length, 1);
  });
});

describe('dialer', () => {
  const peer = peerNumber(3);
  const stopped = (): { clock: Clock; pass: (ms: number) => void } => {
    let nowMs = 0;
    return { clock: { ...systemClock, monotonicMs: () => nowMs }, pass: (ms) => (nowMs += ms) };
  };

  it('shares one dial, and doubles its patience up to ten seconds', async () => {
    const { clock, pass } = stopped();
    let attempts = 0;
    const dialer = new Dialer<string>({
      clock, random: { ...seededRandom(1), unit: () => 0.5 },
      attempt: async () => {
        attempts++;
        throw new PangeaError('PEER_UNREACHABLE', 'nobody');
      },
    });
    const fails = (): Promise<void> => assert.rejects(dialer.dial(peer), (error) => isPangeaError(error, 'PEER_UNREACHABLE'));
    await fails();
    assert.equal(attempts, 0, 'without an address');
    dialer.setAddresses(peer, ['a']);
    await Promise.all([fails(), fails(), fails()]);
    assert.equal(attempts, 1);
    for (const backoffMs of [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]) {
      pass(backoffMs - 1);
      const before: number = attempts;
      await fails();
      assert.equal(attempts, before, `${backoffMs} ms are not over`);
      pass(1);
      await fails();
      assert.equal(attempts, before + 1);
    }
    dialer.reached(peer);
    await fails();
    dialer.setAddresses(peer, ['b']);
    const before = attempts;
    await fails();
    assert.equal(attempts, before + 1, 'new addresses are tried at once');
  });

  it('tries addresses one after another and takes the first that answers', async () => {
    const tried: string[] = [];
    const dialer = new Dialer<string>({
      clock: systemClock, random: seededRandom(1),
      attempt: async (address) => {
        tried.push(address);
        if (address === 'dead') return new Promise(() => undefined);
        if (address === 'wrong') throw new PangeaError('PEER_MISMATCH', 'another');
        return address;
      },
    });
    dialer.setAddresses(peer, ['dead', 'wrong', 'good', 'late']);
    assert.equal(await dialer.dial(peer), 'good');
    assert.deepEqual(tried, ['dead', 'wrong', 'good']);
    dialer.setAddresses(peer, ['wrong']);
    await assert.rejects(dialer.dial(peer), (error) => isPangeaError(error, 'PEER_MISMATCH'));
  });
});

describe('deadline', () => {
  it('ends by time, by signal, or with the promise, and leaves no listener behind', async () => {
    const abort = new AbortController();
    const forever = new Promise<never>(() => undefined);
    await assert.rejects(withDeadline(systemClock, forever, { timeoutMs: 5 }), (error) => isPangeaError(error, 'TIMEOUT'));
    const aborted = withDeadline(systemClock, forever, { timeoutMs: 5000, signal: abort.signal });
    abort.abort();
    await assert.rejects(aborted, (error) => isPangeaError(error, 'ABORTED'));
    await assert.rejects(withDeadline(systemClock, forever, { timeoutMs: 5000, signal: abort.signal }), (error) => isPangeaError(error, 'ABORTED'));
    assert.equal(await withDeadline(systemClock, Promise.resolve(3), { timeoutMs: -1 }), 3);
  });
});
