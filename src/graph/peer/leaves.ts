import { linkSoul } from '../data/value.ts';
import { knownHash } from './interests.ts';
import type { Clock } from '../../std/std.ts';
import type { Delta } from '../data/types.ts';
import type { Mesh, MeshPeer } from '../dam/dam.ts';
import type { Replica } from '../replica/replica.ts';
import type { PeerLimits } from './limits.ts';

/**
 * gun.js never sends by itself what was written while it was offline, but it answers. So of each leaf the souls are
 * remembered that it wrote or asked for, and when it returns it is asked for them; links that lead from there to souls
 * nobody knows are followed.
 */
export class Leaves {
  readonly #limits: PeerLimits;
  /** By pid, the one that was heard last at the end. */
  readonly #souls = new Map<string, Set<string>>();
  #chars = 0;
  /** Ids of questions to leaves that returned, with what may still be asked in their course. */
  readonly #asked = new Map<string, { left: number }>();

  constructor(limits: PeerLimits) {
    this.#limits = limits;
  }

  touched(peer: MeshPeer, soul: string): void {
    if (peer.pid === '' || peer.relay || peer.pangea) return;
    let souls = this.#souls.get(peer.pid);
    if (!souls) {
      this.#souls.set(peer.pid, (souls = new Set()));
      if (this.#souls.size > this.#limits.leaves) this.#forgetOldest();
    }
    if (souls.size >= this.#limits.soulsPerLeaf || souls.has(soul)) return;
    souls.add(soul);
    this.#chars += soul.length;
    while (this.#chars > this.#limits.leafChars && this.#souls.size > 1) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const [pid, souls] of this.#souls) {
      for (const soul of souls) this.#chars -= soul.length;
      this.#souls.delete(pid);
      return;
    }
  }

  async returned(peer: MeshPeer, mesh: Mesh, replica: Replica, clock: Clock): Promise<void> {
    const souls = this.#souls.get(peer.pid);
    if (!souls || peer.relay || peer.pangea) return;
    this.#souls.delete(peer.pid);
    this.#souls.set(peer.pid, souls);
    const budget = { left: this.#limits.soulsPerLeaf };
    let asked = 0;
    // Answers add to the set meanwhile, and ask for those themselves.
    for (const soul of Array.from(souls)) {
      this.#ask(soul, peer, mesh, replica, budget);
      if (++asked % this.#limits.perTurn === 0) await clock.sleep(0);
      if (!mesh.peers().includes(peer)) return;
    }
  }

  /** News that came as an answer. */
  answered(id: string, news: readonly Delta[], peer: MeshPeer, mesh: Mesh, replica: Replica): void {
    const budget = this.#asked.get(id);
    if (!budget) return;
    for (const { fields } of news) {
      for (const { value } of fields) {
        const soul = linkSoul(value);
        if (soul === undefined || replica.peek(soul) || budget.left <= 0) continue;
        budget.left--;
        this.touched(peer, soul);
        this.#ask(soul, peer, mesh, replica, budget);
      }
    }
  }

  #ask(soul: string, peer: MeshPeer, mesh: Mesh, replica: Replica, budget: { left: number }): void {
    const known = knownHash(replica, { soul });
    const { id } = mesh.get({ soul }, known === undefined ? { to: peer } : { known, to: peer });
    this.#asked.set(id, budget);
    if (this.#asked.size > this.#limits.questions) this.#asked.delete(this.#asked.keys().next().value as string);
  }
}
