/** The objects of ours that the remote of one connection holds, each with the order of its calls. */
import type { Incoming } from './incoming.ts';
import type { Capability, Servant } from './engine.ts';
import { Remote } from './remote.ts';

export interface Held {
  readonly id: number;
  readonly servant: Servant;
  /** References sent whose end the engine has not reported. */
  sent: number;
  /** Calls that wait for a streaming one to end; `undefined` while none runs. */
  waiting: Incoming[] | undefined;
  /** What a streaming call failed with: nobody may wait for its answer, so all later calls give it too. */
  broken: { readonly error: unknown } | undefined;
}

export class Servants {
  readonly #byId = new Map<number, Held>();
  readonly #byServant = new Map<Servant, Held>();
  #nextId = 0;

  /** Number of the servant, which is sent once more. */
  send(servant: Servant): number {
    let held = this.#byServant.get(servant);
    if (held === undefined) {
      held = { id: this.#nextId++, servant, sent: 0, waiting: undefined, broken: undefined };
      this.#byId.set(held.id, held);
      this.#byServant.set(servant, held);
    }
    held.sent += 1;
    return held.id;
  }

  get(id: number): Held | undefined {
    return this.#byId.get(id);
  }

  /** The remote has let go of a servant that had been sent so often; it may have been sent again since. */
  drop(id: number, sent: number): void {
    const held = this.#byId.get(id);
    if (held === undefined) return;
    held.sent -= sent;
    if (held.sent > 0) return;
    this.#byId.delete(id);
    this.#byServant.delete(held.servant);
    held.servant.dropped?.();
  }

  /** Results that nobody gets: whoever made a servant for them alone hears that nobody holds it. */
  forgo(capabilities: readonly (Capability | undefined)[]): void {
    for (const capability of capabilities) {
      if (capability !== undefined && !(capability instanceof Remote) && !this.#byServant.has(capability as Servant)) (capability as Servant).dropped?.();
    }
  }

  dropAll(): void {
    const all = [...this.#byId.values()];
    this.#byId.clear();
    this.#byServant.clear();
    for (const { servant } of all) servant.dropped?.();
  }
}
