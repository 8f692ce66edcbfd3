import type { NodeStatus } from '../../control/control.ts';
import type { Command } from '../command.ts';
import { humanBytes, humanTime, table } from '../format.ts';

export const status: Command = {
  usage: 'status',
  summary: 'Show the state of the running node',
  examples: [['status --json | jq .ready', 'for scripts']],
  async run({ output, node }) {
    const found = await node().status();
    output.record(found, describe(found));
  },
};

function describe({ version, nodeId, peerId, network, startedMs, ready, parts, peers, store, objects, memoryBytes, reachability }: NodeStatus): string {
  const facts = [
    ['version', version], ['node-id', String(nodeId)], ['peer', peerId], ['network', network], ['started', humanTime(startedMs)],
    ['ready', ready ? 'yes' : 'no'], ['peers', `${peers.known} known, ${peers.connected} connected`],
    ['reachable', { public: 'directly, as others found', private: 'not directly: see "pangea-node doctor"', unknown: 'not known' }[reachability]],
    ['store', `${humanBytes(store.liveBytes)} in ${store.records} records, ${humanBytes(store.freeBytes)} free`],
    ['objects', `${objects.catalogue} own, ${objects.held} held, ${objects.underRepair} under repair`], ['memory', humanBytes(memoryBytes)],
    ...parts.map(({ part, up, detail }) => [part, up ? detail : `down: ${detail}`]),
  ];
  return table(facts);
}
