/** Topics and ways to peers: the part of the hosts' suite that is not about streams. */
import assert from 'node:assert/strict';

import { isPangeaError } from '../../src/errors/errors.ts';
import { gossipLimits, type Host } from '../../src/host/host.ts';
import { addressOf, type HostPair, until } from './host.ts';

export interface HostChecks {
  readonly check: (title: string, run: () => Promise<void>) => void;
  readonly first: HostPair['first'];
  readonly second: HostPair['second'];
}

export function checkMessages({ check, first, second }: HostChecks): void {
  check('a message on a topic reaches everybody on it, and one that is judged invalid goes no further', async () => {
    const [a, b, c] = [await first(), await second(), await first()];
    const topic = 'pangea-test-topic';
    await assert.rejects(a.publish(topic, new Uint8Array(1)), (error) => isPangeaError(error, 'NOT_ENOUGH_PEERS'));
    await assert.rejects(a.publish(topic, new Uint8Array(gossipLimits.messageBytes + 1)), (error) => isPangeaError(error, 'TOO_LARGE'));
    const heard = { b: [] as string[], c: [] as string[] };
    const listen = (host: Host, into: string[]): (() => void) => host.subscribe(topic, (from, data) => {
      const text = Buffer.from(data).toString();
      into.push(`${from} ${text.slice(0, 20)}`);
      return text !== 'bad';
    });
    const [endB] = [listen(b, heard.b), listen(c, heard.c)];
    // In a line: what c hears of a, b has passed on.
    await a.dial(addressOf(b));
    await c.dial(addressOf(b));
    const say = (text: string) => (): Promise<boolean> => a.publish(topic, Buffer.from(text)).then(() => true, (error) => !isPangeaError(error, 'NOT_ENOUGH_PEERS') && assert.fail(String(error)));
    await until(async () => await say('hello')() && heard.c.length > 0, 'c hears of a through b', 20_000);
    assert.equal(heard.c[0], `${a.peerId} hello`);
    const before = heard.c.length;
    const full = 'x'.repeat(gossipLimits.messageBytes);
    await a.publish(topic, Buffer.from('bad'));
    await a.publish(topic, Buffer.from(full));
    await until(() => heard.c.some((text) => text.endsWith(' xxxxxxxxxxxxxxxxxxxx')), 'a full message arrives');
    assert.ok(heard.b.includes(`${a.peerId} bad`));
    assert.ok(!heard.c.slice(before).includes(`${a.peerId} bad`), 'an invalid message was passed on');
    endB();
    endB();
    const ends = Array.from({ length: gossipLimits.topics }, (_, index) => b.subscribe(`t${index}`, () => true));
    assert.throws(() => b.subscribe('one too many', () => true), (error) => isPangeaError(error, 'TOO_MANY'));
    for (const end of ends) end();
  });

  check('the way to a peer is known while it is connected', async () => {
    const [a, b] = [await first(), await second()];
    assert.equal(a.pathTo(b.peerId), undefined);
    await a.dial(addressOf(b));
    assert.equal(a.pathTo(b.peerId), 'direct');
    await until(() => b.pathTo(a.peerId) === 'direct', 'the other end knows too');
    assert.deepEqual(a.natReport().relays, []);
    await a.disconnect(b.peerId);
    await until(() => a.pathTo(b.peerId) === undefined && b.pathTo(a.peerId) === undefined, 'no way is left');
  });
}
