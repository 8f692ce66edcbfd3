import { graphHash } from '../data/hash.ts';
import type { Query } from '../data/types.ts';
import type { Clock } from '../../std/std.ts';
import type { Mesh, MeshPeer } from '../dam/dam.ts';
import type { Replica } from '../replica/replica.ts';
import type { PeerLimits } from './limits.ts';
import type { Repair } from './repair.ts';

/** Nodes with more text than this are asked for without a hash: hashing them costs more than the answer saves. */
const hashedChars = 65_536;

export interface AskingParts {
  readonly mesh: Mesh;
  readonly peer: MeshPeer;
  readonly replica: Replica;
  readonly clock: Clock;
  readonly limits: PeerLimits;
  readonly repair: Repair;
}

/** What this process wants to hear of, counted. */
export class Interests {
  readonly #queries = new Map<string, { readonly query: Query; count: number }>();

  get size(): number {
    return this.#queries.size;
  }

  /** True when it is new. */
  add(query: Query): boolean {
    const name = nameOf(query);
    const known = this.#queries.get(name);
    if (known) known.count++;
    else this.#queries.set(name, { query, count: 1 });
    return known === undefined;
  }

  release(query: Query): void {
    const name = nameOf(query);
    const known = this.#queries.get(name);
    if (known && --known.count === 0) this.#queries.delete(name);
  }

  /** Asks a peer that came for all of it, with the hash of what is known, so that it answers with news only. */
  async askAll({ mesh, peer, replica, clock, limits, repair }: AskingParts): Promise<void> {
    let asked = 0;
    for (const { query } of this.#queries.values()) {
      const known = knownHash(replica, query);
      const { id } = mesh.get(query, known === undefined ? { to: peer } : { known, to: peer });
      repair.asked(id, query, peer);
      if (++asked % limits.perTurn === 0) await clock.sleep(0);
      if (!mesh.peers().includes(peer)) return;
    }
  }
}

/** The hash of what an answer would hold if the other side knew the same; undefined when it is not in memory. */
export function knownHash(replica: Replica, { soul, key }: Query): number | undefined {
  const node = typeof soul === 'string' ? replica.peek(soul) : undefined;
  if (!node || node.chars > hashedChars) return undefined;
  if (key === undefined) return graphHash([node.toDelta()]);
  const field = typeof key === 'string' ? node.field(key) : undefined;
  return field && graphHash([{ soul: node.soul, fields: [field] }]);
}

function nameOf({ soul, key }: Query): string {
  return JSON.stringify([soul, key]);
}
