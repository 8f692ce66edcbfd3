import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { connectNode } from '../../../src/control/control.ts';
import { NodeProcess } from '../../node/process.ts';

/** Loopback is never banned: all programs of a machine share it. */
const outside = Object.values(networkInterfaces()).flat().find((each) => each?.family === 'IPv4' && !each.internal)?.address;

test('an address that breaks rule after rule is banned; others are served', { timeout: 60_000, skip: outside === undefined ? 'this machine has no interface beyond loopback' : false }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-ban-'));
  const process = new NodeProcess(join(directory, 'data'), ['--graph-addr', '0.0.0.0:0', '--rpc', 'false', '--allow', '127.0.0.0/8', '--allow', `${outside}/32`]);
  try {
    await process.said('ready');
    const node = connectNode(join(directory, 'data'));
    const { port } = new URL((await node.graph.status()).address);
    const offender = new WebSocket(`ws://${outside}:${port}/gun`);
    await once(offender, 'open');
    const ended = once(offender, 'close') as Promise<[number, Buffer]>;
    for (let n = 0; n < 200; n++) offender.send('[{"#":"q"');
    const [code, reason] = await ended;
    assert.deepEqual([code, reason.toString()], [1008, 'banned']);

    const again = new WebSocket(`ws://${outside}:${port}/gun`);
    assert.equal(((await once(again, 'close')) as [number])[0], 1008, 'the same address does not come back');
    assert.ok(((await node.graph.status()).violations.connections ?? 0) > 0);
    assert.ok(((await node.firewall()).counters['graph']?.denied ?? 0) > 0);

    const other = new WebSocket(`ws://127.0.0.1:${port}/gun`);
    await once(other, 'message');
    other.send('{"#":"1","get":{"#":"nothing"}}');
    assert.match(String((await once(other, 'message'))[0]), /"@":"1"/);
    other.terminate();
  } finally {
    await process.stop('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
});
