import type { Delta } from '../data/types.ts';
import type { Mesh, MeshPeer } from '../dam/dam.ts';
import type { Applied, Replica } from '../replica/replica.ts';

/** What healing between nodes of ours needs of a peer. */
export interface ReconcilePorts {
  readonly replica: Replica;
  readonly mesh: Mesh;
  /**
   * Nodes that another peer sent: past the guard, merged, relayed as news to the others. Undefined when the guard
   * refused one of them, which was counted against `from`; fails when the store or its queue does.
   */
  take(deltas: readonly Delta[], from: MeshPeer): Promise<Applied | undefined>;
}

/** Messages of `schema/graph-dam.md` and the peers that understand them. */
export interface Reconciler {
  hi(peer: MeshPeer): void;
  bye(peer: MeshPeer): void;
  extension(verb: string, body: unknown, from: MeshPeer): void;
  close(): void;
}
