import { localSoul } from '../data/local-soul.ts';
import type { Delta } from '../data/types.ts';
import type { IncomingGet, Mesh, MeshPeer } from '../dam/dam.ts';
import type { Replica } from '../replica/replica.ts';
import { Semaphore } from '../../std/std.ts';
import { answerOf } from './answers.ts';
import type { Leaves } from './leaves.ts';
import type { PeerLimits } from './limits.ts';
import type { Questions } from './questions.ts';

export interface AnsweringParts {
  readonly mesh: () => Mesh;
  readonly replica: Replica;
  readonly questions: Questions;
  readonly leaves: Leaves;
  readonly limits: PeerLimits;
}

/** Questions of other peers. */
export class Answering {
  readonly #parts: AnsweringParts;
  /** Connections to relays, by number. */
  readonly #relays = new Set<number>();
  /** Questions over souls go through all of them, so they go one by one. */
  readonly #overSouls = new Semaphore(1);
  #waiting = 0;

  constructor(parts: AnsweringParts) {
    this.#parts = parts;
  }

  hi(peer: MeshPeer): void {
    if (peer.relay) this.#relays.add(peer.id);
  }

  bye(peer: MeshPeer): void {
    this.#relays.delete(peer.id);
  }

  get(message: IncomingGet): void {
    const { replica, leaves, limits } = this.#parts;
    const { query, from } = message;
    if (query.soul === localSoul) return;
    if (typeof query.soul === 'string') {
      leaves.touched(from, query.soul);
      const known = answerOf(replica, query, limits);
      // Where the store cannot be read, nothing is said: that there is nothing would be untrue.
      if (known instanceof Promise) known.then((nodes) => this.#answer(message, nodes), () => {});
      else this.#answer(message, known);
      return;
    }
    if (this.#waiting >= limits.soulQuestions) return this.#parts.mesh().fault(from, 'backlog');
    this.#waiting++;
    void this.#overSouls.run(async () => {
      const nodes = await answerOf(replica, query, limits);
      this.#answer(message, nodes);
    }).catch(() => {}).finally(() => this.#waiting--);
  }

  /**
   * Who asks hears what we have, and what others have that we ask in its name, since a leaf may hold what it wrote
   * while it was away. That there is nothing it hears when those had their time.
   */
  #answer(message: IncomingGet, nodes: readonly Delta[]): void {
    const { questions, limits } = this.#parts;
    const mesh = this.#parts.mesh();
    if (nodes.length > 0) {
      mesh.answer(message, nodes);
      mesh.relayGet(message);
      return;
    }
    const relays = this.#relays.size - (this.#relays.has(message.from.id) ? 1 : 0);
    questions.askFor(mesh, message, relays > 0 ? limits.absentMs : limits.absentLeavesMs, (result) => {
      if (result !== 'answered') mesh.answer(message, []);
    });
  }
}
