import type { GraphNode } from '../data/node.ts';
import type { Delta, Field } from '../data/types.ts';
import type { Clock } from '../../std/std.ts';
import type { Mesh, MeshPeer } from '../dam/dam.ts';
import type { Replica } from '../replica/replica.ts';
import type { Acknowledgements } from './acknowledgements.ts';
import type { PeerLimits } from './limits.ts';
import { namesOfNode, type Outbox, type Unsent } from './outbox.ts';
import { inPieces } from './pieces.ts';

export interface ResendParts {
  readonly mesh: Mesh;
  readonly replica: Replica;
  readonly outbox: Outbox;
  readonly acknowledgements: Acknowledgements;
  readonly clock: Clock;
  readonly limits: PeerLimits;
}

/** Gives a relay that came what none has acknowledged, as it is now. */
export async function sendAgain({ mesh, replica, outbox, acknowledgements, clock, limits }: ResendParts, peer: MeshPeer): Promise<void> {
  const { puts, souls } = outbox.take();
  const messages: string[] = [];
  let found: Delta[] = [];
  const send = (): void => {
    for (const piece of inPieces(found, limits.messageChars)) {
      const { id } = mesh.put(piece, { to: peer });
      outbox.sentAgain(id, namesOf(piece));
      messages.push(id);
    }
    found = [];
  };
  for (const [soul, keys] of souls) {
    // A node that cannot be read now is tried again with the next peer that comes.
    const node = replica.resident(soul) ? replica.peek(soul) : await replica.load(soul).catch(() => outbox.restore(soul, keys));
    const delta = node && currentFields(node, keys);
    if (!delta) continue;
    found.push(delta);
    if (found.length < limits.perTurn) continue;
    send();
    await clock.sleep(0);
  }
  send();
  acknowledgements.again(puts, messages);
}

/** The named fields as they are; undefined when there are none. */
function currentFields(node: GraphNode, keys: Set<string> | undefined): Delta | undefined {
  if (!keys) return node.toDelta();
  const fields: Field[] = [];
  for (const key of keys) {
    const field = node.field(key);
    if (field) fields.push(field);
  }
  return fields.length > 0 ? { soul: node.soul, fields } : undefined;
}

function namesOf(deltas: readonly Delta[]): Unsent {
  const names: Unsent = new Map();
  for (const { soul, fields } of deltas) names.set(soul, fields.length > namesOfNode ? undefined : new Set(fields.map(({ key }) => key)));
  return names;
}
