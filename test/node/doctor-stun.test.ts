import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkStun, mappedAddress } from '../../src/node/doctor-stun.ts';

/** A binding response: the vector's form of RFC 5769, with one attribute before the address. */
function answerTo(request: Buffer, { address, port }: RemoteInfo): Buffer {
  const software = Buffer.concat([Buffer.from('80220003', 'hex'), Buffer.from('abc\0')]);
  const mapped = Buffer.alloc(12);
  mapped.writeUInt32BE(0x00200008, 0);
  mapped[5] = 1;
  mapped.writeUInt16BE(port ^ 0x2112, 6);
  mapped.writeUInt32BE((address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) ^ 0x2112a442) >>> 0, 8);
  const head = Buffer.alloc(20);
  head.writeUInt16BE(0x0101, 0);
  head.writeUInt16BE(software.length + mapped.length, 2);
  request.copy(head, 4, 4, 20);
  return Buffer.concat([head, software, mapped]);
}

test('a STUN server that answers says where it sees this node; one that does not is named', async () => {
  const server = createSocket('udp4').bind(0, '127.0.0.1');
  await once(server, 'listening');
  const silent = createSocket('udp4').bind(0, '127.0.0.1');
  await once(silent, 'listening');
  let seen = '';
  server.on('message', (request, from) => {
    seen = `${from.address}:${from.port}`;
    server.send(Buffer.from('no STUN at all, and not for us'), from.port, from.address);
    server.send(answerTo(request, from), from.port, from.address);
  });
  try {
    const [good, bad] = await checkStun({ stun: [`stun:127.0.0.1:${server.address().port}`, `turn:me:secret@127.0.0.1:${silent.address().port}`] });
    assert.deepEqual([good?.verdict, good?.detail], ['ok', `answers; it sees this node at ${seen}`]);
    assert.equal(bad?.verdict, 'failed');
    assert.ok(!JSON.stringify(bad).includes('secret'));
    assert.deepEqual((await checkStun({ stun: [] })).map(({ verdict }) => verdict), ['ok']);
  } finally {
    server.close();
    silent.close();
  }
});

test('hostile answers give no address', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (tail) => {
    const transaction = Buffer.alloc(12, 7);
    const answer = Buffer.concat([Buffer.from('010100002112a442', 'hex'), transaction, tail]);
    const seen = mappedAddress(answer, transaction);
    assert.ok(seen === undefined || /^\d+\.\d+\.\d+\.\d+:\d+$/.test(seen));
    assert.equal(mappedAddress(answer, Buffer.alloc(12, 8)), undefined);
  }), { seed: 3, numRuns: 500 });
});
