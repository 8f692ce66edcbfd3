/** A node follows the lists of the blocked in certificates: their own programs need not. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connectNode } from '../../src/control/control.ts';
import { certify, generatePair, openNodeGraph, type Graph, type PutAck } from '../../src/graph/graph.ts';
import { NodeProcess } from './process.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-node-graph-blocked-'));
const node = new NodeProcess(directory, ['--rpc', 'false', '--graph-addr', '127.0.0.1:0', '--graph-store', 'memory']);
const open: Graph[] = [];
after(async () => {
  for (const graph of open) await graph.close();
  await node.stop('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

test('who is blocked is refused by the node, although the own program does not know of it', { timeout: 60_000 }, async () => {
  await node.said('ready');
  const peers = [(await connectNode(directory).graph.status()).address];
  const [alice, bob, carl] = await Promise.all([generatePair(), generatePair(), generatePair()]);
  const cert = await certify([bob, carl], { '*': 'inbox' }, alice, { block: 'block' });

  const owner = await openNodeGraph({ peers });
  open.push(owner);
  owner.session.use(alice);
  const { acks: [kept] } = await owner.get(`~${alice.pub}`).get('block').put({ [bob.pub]: true }, undefined, { acks: 1 });
  assert.ok(kept);

  const answered = async (pair: typeof bob): Promise<PutAck | undefined> => {
    const graph = await openNodeGraph({ peers });
    open.push(graph);
    graph.session.use(pair);
    return (await graph.get(`~${alice.pub}/inbox`).get(pair.pub).put('hello', undefined, { acks: 1, opt: { cert } })).acks[0];
  };
  assert.equal((await answered(carl))?.err, undefined);
  assert.equal((await answered(bob))?.err, `Certificant ${bob.pub} blocked.`);
});
