import { wins } from '../data/ham.ts';
import type { Field, Query } from '../data/types.ts';
import type { IncomingPut, Mesh, MeshPeer } from '../dam/dam.ts';
import type { Replica } from '../replica/replica.ts';
import type { Deadlines } from './deadlines.ts';
import type { PeerLimits } from './limits.ts';
import { inPieces } from './pieces.ts';

interface Asked {
  readonly soul: string;
  readonly key: string | undefined;
  readonly peer: MeshPeer;
  /** What the peer said it has; undefined while it has said nothing. */
  known: Map<string, Field> | undefined;
}

/**
 * When a peer that came is asked for what this process watches, its answers show what it lacks: a relay that lost its
 * memory, or what was written here before this page was loaded again. That is sent to it, once the pieces of its
 * answer had time to come. A peer that does not answer has the same, by the hash of the question, or is left alone.
 */
export class Repair {
  readonly #limits: PeerLimits;
  readonly #deadlines: Deadlines;
  readonly #replica: Replica;
  readonly #mesh: () => Mesh;
  readonly #asked = new Map<string, Asked>();

  constructor(limits: PeerLimits, deadlines: Deadlines, replica: Replica, mesh: () => Mesh) {
    this.#limits = limits;
    this.#deadlines = deadlines;
    this.#replica = replica;
    this.#mesh = mesh;
  }

  asked(id: string, { soul, key }: Query, peer: MeshPeer): void {
    if (typeof soul !== 'string' || typeof key === 'object' || this.#asked.size >= this.#limits.questions) return;
    this.#asked.set(id, { soul, key, peer, known: undefined });
    this.#deadlines.after(this.#limits.repairMs, () => void this.#send(id));
  }

  heard({ answers, deltas, notFound, from }: IncomingPut): void {
    const asked = answers === undefined ? undefined : this.#asked.get(answers);
    if (!asked || asked.peer.id !== from.id) return;
    asked.known ??= new Map();
    if (notFound) return;
    for (const { soul, fields } of deltas) {
      if (soul === asked.soul) for (const field of fields) asked.known.set(field.key, field);
    }
  }

  async #send(id: string): Promise<void> {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (!asked?.known) return;
    const { soul, key, peer, known } = asked;
    const node = await this.#replica.load(soul).catch(() => undefined);
    const fields: Field[] = [];
    for (const field of node?.fields() ?? []) {
      if ((key === undefined || key === field.key) && isNews(field, known.get(field.key))) fields.push(field);
    }
    for (const piece of inPieces([{ soul, fields }], this.#limits.messageChars)) this.#mesh().put(piece, { to: peer });
  }
}

function isNews(field: Field, known: Field | undefined): boolean {
  return !known || field.state > known.state || (field.state === known.state && wins(field.value, known.value));
}
