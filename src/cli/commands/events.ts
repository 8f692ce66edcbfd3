import type { LostEvents, NodeEvent, NodeEventKind } from '../../control/control.ts';
import { isPangeaError, PangeaError } from '../../errors/errors.ts';
import type { Command } from '../command.ts';
import { humanBytes, humanTime, printable } from '../format.ts';

const kinds: readonly NodeEventKind[] = ['peer', 'object', 'repair', 'firewall', 'message', 'graph'];
/** Of a message's text on a terminal. */
const shownLetters = 200;

export const events: Command = {
  usage: 'events [kinds..]',
  summary: 'Follow what happens in the running node, until Ctrl-C',
  positionals: { kinds: { describe: `Any of ${kinds.join(', ')}; all when none is named`, array: true } },
  examples: [
    ['events', 'peers that come and go, objects, repair, denied connections, messages, the graph'],
    ['events repair firewall', 'only these'],
    ['events peer --json | jq -r .peer.peer', 'a JSON object a line; bytes of messages in base64'],
  ],
  async run({ args, output, node, signal }) {
    const named = args.list('kinds');
    const unknown = named.find((name) => !(kinds as readonly string[]).includes(name));
    if (unknown !== undefined) throw new PangeaError('USAGE', `events ${unknown}: expected ${kinds.join(', ')}`);
    const wanted = named.length === 0 ? kinds : (named as NodeEventKind[]);
    try {
      for await (const event of node().follow(wanted, signal)) {
        output.record(event.kind === 'message' ? { ...event, data: Buffer.from(event.data).toString('base64') } : event, line(event));
      }
    } catch (error) {
      // The usual end of following.
      if (!isPangeaError(error, 'ABORTED')) throw error;
    }
  },
};

function line(event: NodeEvent | LostEvents): string {
  if (event.kind === 'lost') return `${event.count} events were lost: they came faster than they were read`;
  return `${humanTime(event.atMs)}  ${words(event)}`;
}

function words(event: NodeEvent): string {
  switch (event.kind) {
    case 'peer': {
      const { peer, label, status, latencyMs, path } = event.peer;
      const facts = [label === undefined ? '' : `node-id ${label}`, status, path ?? '', latencyMs === undefined ? '' : `${latencyMs.toFixed(1)} ms`];
      return `peer ${event.change}  ${peer}  ${facts.filter((fact) => fact !== '').join(', ')}`;
    }
    case 'object': return `object ${event.change}  ${event.root}  ${printable(event.name)}  ${humanBytes(event.bytes)}`;
    case 'repair': return `repair ${event.change}  ${event.root === '' ? '' : `${event.root}  `}${event.shards} shards`;
    case 'firewall':
      return event.change === 'rules' ? `firewall rules  ${event.count} blocks` : `firewall denied  ${event.count} on ${event.listener}${event.address === '' ? '' : ` from ${printable(event.address)}`}${event.rule === undefined ? '' : `: ${event.rule}`}`;
    case 'graph':
      return event.change === 'written' ? `graph written  ${event.fields} fields; ${event.peers} peers` : `graph ${event.change}  ${printable(event.peer)}; ${event.peers} peers`;
    case 'message': {
      const text = new TextDecoder().decode(event.data.subarray(0, 4 * shownLetters)).slice(0, shownLetters);
      return `message  from ${event.label ?? event.from}  ${humanBytes(event.data.length)}  ${printable(text)}`;
    }
  }
}
