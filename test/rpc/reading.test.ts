import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { readingIntoOne } from '../../src/rpc/worker/reading.ts';

async function pair(t: TestContext): Promise<{ client: Socket; accepted: Socket; reading: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  const reading = readingIntoOne(accepted);
  t.after(() => {
    client.destroy();
    reading.destroy();
    server.close();
  });
  return { client, accepted, reading };
}

test('an accepted socket is read into one memory, in order, up to its end, and answers', async (t) => {
  const { client, accepted, reading } = await pair(t);
  assert.notEqual(reading, accepted);
  assert.equal(reading.remoteAddress, '127.0.0.1');
  const sent = Buffer.alloc(3 * 2 ** 20, 'a turn of the loop');
  const received: Buffer[] = [];
  const memories = new Set<ArrayBufferLike>();
  const ended = once(reading, 'end');
  reading.on('data', (bytes: Buffer) => {
    memories.add(bytes.buffer);
    received.push(Buffer.from(bytes));
  });
  reading.write('hello');
  const [answer] = (await once(client, 'data')) as [Buffer];
  assert.equal(answer.toString(), 'hello');
  client.end(sent);
  await ended;
  assert.ok(Buffer.concat(received).equals(sent));
  assert.equal(memories.size, 1);
});

test('nothing is read before somebody listens, nor while paused', async (t) => {
  const { client, reading } = await pair(t);
  let received = 0;
  const arrived = (): Promise<unknown> => once(reading, 'data');
  client.write('first');
  assert.equal(reading.bytesRead, 0);
  reading.on('data', (bytes: Buffer) => (received += bytes.length));
  await arrived();
  assert.equal(received, 5);
  reading.pause();
  await new Promise((resolve) => client.write('second', resolve));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(received, 5);
  const more = arrived();
  reading.resume();
  await more;
  assert.equal(received, 11);
});

test('a socket that is closed already stays as it is', async (t) => {
  const { reading } = await pair(t);
  reading.destroy();
  await once(reading, 'close');
  assert.equal(readingIntoOne(reading), reading);
});
