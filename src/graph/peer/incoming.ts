import type { Delta } from '../data/types.ts';
import type { IncomingPut, Mesh, MeshPeer } from '../dam/dam.ts';
import type { Applied, Merge, Replica } from '../replica/replica.ts';
import type { Guarding, Refusal } from './guarding.ts';
import type { Leaves } from './leaves.ts';
import type { PeerLimits } from './limits.ts';
import type { Questions } from './questions.ts';
import type { Repair } from './repair.ts';

export interface IncomingParts {
  readonly mesh: () => Mesh;
  readonly replica: Replica;
  readonly guarding: Guarding;
  readonly questions: Questions;
  readonly leaves: Leaves;
  readonly repair: Repair;
  readonly limits: PeerLimits;
  /** What an acknowledgement says when everything is stored. */
  readonly ok: unknown;
}

/** A put of another peer: guard, merge, relay what was accepted, acknowledge when it is stored. */
export class Incoming {
  readonly #parts: IncomingParts;

  constructor(parts: IncomingParts) {
    this.#parts = parts;
  }

  put(message: IncomingPut): void {
    const { questions, guarding, limits, mesh } = this.#parts;
    if (message.answers !== undefined) this.#parts.repair.heard(message);
    if (message.notFound) return questions.absent(message);
    if (guarding.waiting >= limits.guarded) {
      mesh().fault(message.from, 'backlog');
      return this.#err(message, 'Not stored: too busy.');
    }
    guarding.check(message.deltas, (passed) => {
      if ('err' in passed) this.#refuse(message, passed);
      else this.#merge(message, passed);
    }, message.from.id);
  }

  /** Held back, not refused: gun.js never sends a put again, and one that signs much must not keep others from being judged. */
  busy({ id }: MeshPeer): boolean {
    const { guarding, limits } = this.#parts;
    const own = guarding.fieldsOf(id);
    return own > limits.guardedFieldsPerPeer || (own > 0 && guarding.fields > limits.guardedFields);
  }

  #refuse(message: IncomingPut, refusal: Refusal): void {
    this.#parts.mesh().fault(message.from, refusal.violation);
    this.#err(message, refusal.err);
  }

  #merge(message: IncomingPut, deltas: readonly Delta[]): void {
    const { replica, leaves } = this.#parts;
    for (const { soul } of deltas) leaves.touched(message.from, soul);
    const merge = replica.merge(deltas, 'peer');
    if (merge.now) return this.#merged(message, merge.now, merge);
    merge.applied.then((applied) => this.#merged(message, applied, merge), () => this.#err(message, 'Not stored: too busy.'));
  }

  #merged(message: IncomingPut, applied: Applied, merge: Merge): void {
    const { mesh, questions, leaves, replica } = this.#parts;
    // Who asked through us gets the answer although it may be no news here.
    if (applied.accepted.length > 0 || message.answers !== undefined) mesh().relay(message, applied.accepted);
    if (message.answers !== undefined) {
      if (!message.more) questions.answered(message.answers);
      leaves.answered(message.answers, applied.accepted, message.from, mesh(), replica);
    }
    if (applied.refused > 0) {
      mesh().fault(message.from, 'state-future');
      return this.#err(message, 'State too far in the future.');
    }
    if (applied.later.length > 0) return void this.#later(message, applied, merge);
    if (message.answers !== undefined) return;
    merge.stored.then(() => this.#ok(message), () => this.#err(message, 'Not stored.'));
  }

  /** Parts whose time had not come are relayed when it has, and the message is acknowledged after the last of them. */
  async #later(message: IncomingPut, applied: Applied, merge: Merge): Promise<void> {
    try {
      await Promise.all(applied.later.map(async (deferred) => {
        const later = await deferred;
        const { accepted } = await later.applied;
        if (accepted.length > 0) this.#parts.mesh().relay(message, accepted);
        await later.stored;
      }));
      await merge.stored;
      this.#ok(message);
    } catch {
      this.#err(message, 'Not stored.');
    }
  }

  #ok({ id, answers, from }: IncomingPut): void {
    if (answers === undefined) this.#parts.mesh().ack(id, from, this.#parts.ok);
  }

  #err({ id, answers, from }: IncomingPut, err: string): void {
    if (answers === undefined) this.#parts.mesh().ack(id, from, undefined, err);
  }
}
