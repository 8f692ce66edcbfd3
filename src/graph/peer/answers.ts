import type { GraphNode } from '../data/node.ts';
import type { Delta, Lex, Query } from '../data/types.ts';
import type { Replica } from '../replica/replica.ts';
import type { PeerLimits } from './limits.ts';

/** What this replica knows of a question: at once where it is in memory, empty when it knows nothing. */
export function answerOf(replica: Replica, query: Query, limits: PeerLimits): readonly Delta[] | Promise<readonly Delta[]> {
  const { soul, key } = query;
  if (typeof soul === 'object') return nodesOf(replica, soul, key, limits);
  if (typeof key === 'object') return replica.range(soul, bounded(key, limits)).then(whole);
  const part = typeof key === 'string' ? (node: GraphNode | undefined) => fieldOf(node, key) : whole;
  return replica.resident(soul) ? part(replica.peek(soul)) : replica.load(soul).then(part);
}

async function nodesOf(replica: Replica, souls: Lex, key: string | Lex | undefined, limits: PeerLimits): Promise<readonly Delta[]> {
  const deltas: Delta[] = [];
  let bytesLeft = souls['%'] ?? limits.answerBytes;
  for await (const soul of replica.souls(souls)) {
    for (const delta of await answerOf(replica, key === undefined ? { soul } : { soul, key }, limits)) {
      deltas.push(delta);
      bytesLeft -= sizeOf(delta);
    }
    if (bytesLeft <= 0 || deltas.length >= limits.answerNodes) break;
  }
  return deltas;
}

/** gun.js gives one field where no budget is named; nothing depends on getting no more. */
function bounded(lex: Lex, limits: PeerLimits): Lex {
  return { ...lex, '%': Math.min(lex['%'] ?? limits.answerBytes, limits.answerBytes) };
}

function whole(node: GraphNode | undefined): readonly Delta[] {
  return node && node.size > 0 ? [node.toDelta()] : [];
}

function fieldOf(node: GraphNode | undefined, key: string): readonly Delta[] {
  const field = node?.field(key);
  return node && field ? [{ soul: node.soul, fields: [field] }] : [];
}

function sizeOf({ soul, fields }: Delta): number {
  let size = soul.length;
  for (const { key, value } of fields) size += key.length + (typeof value === 'string' ? value.length : 8);
  return size;
}
