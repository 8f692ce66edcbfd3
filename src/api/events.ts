/** What happens in a node, for those who listen. Never a key, a link or plaintext. */
import type { PeerView } from './api.ts';

export type NodeEventKind = 'peer' | 'object' | 'repair' | 'firewall' | 'message' | 'graph';

export type NodeEvent = { readonly atMs: number } & (
  | { readonly kind: 'peer'; readonly change: 'found' | 'connected' | 'disconnected' | 'changed'; readonly peer: PeerView }
  | { readonly kind: 'object'; readonly change: 'put' | 'removed'; readonly root: string; readonly name: string; readonly bytes: number }
  /** `root` is empty for a whole round. */
  | { readonly kind: 'repair'; readonly change: 'roundEnded' | 'restored' | 'unreadable' | 'paused' | 'resumed'; readonly root: string; readonly shards: number }
  /**
   * `address` is empty where the enforcer only counts; `rules`: the allowlist was replaced. A peer of the graph that broke a rule after it was let in
   * is denied too, with the name of the `rule`.
   */
  | {
    readonly kind: 'firewall'; readonly change: 'denied' | 'rules'; readonly listener: string; readonly address: string; readonly count: number;
    readonly rule?: string;
  }
  /** Sent by another node's `sendMessage`. `from`: its PeerId, `label` its node id when known. */
  | { readonly kind: 'message'; readonly from: string; readonly label: number | undefined; readonly data: Uint8Array }
  /** Of the graph, how much and with whom, never what: peers as they come and go, and the `fields` that were written in a second. */
  | {
    readonly kind: 'graph'; readonly change: 'connected' | 'disconnected' | 'written'; readonly peer: string; readonly fields: number; readonly peers: number;
  }
);

export interface FirewallView {
  readonly mode: string;
  readonly allow: readonly string[];
  readonly counters: Readonly<Record<string, { readonly allowed: number; readonly denied: number }>>;
}

export interface RepairView {
  readonly paused: boolean;
  readonly objectsHeld: number;
  readonly objectsUnderRepair: number;
  /** Since the node started. */
  readonly shardsRestored: number;
  readonly last: {
    readonly endedMs: number;
    readonly objectsChecked: number;
    readonly shardsRestored: number;
    readonly objectsBelowTarget: number;
    readonly objectsUnreadable: number;
  } | undefined;
}

export type RepairAction = 'runOnce' | 'pause' | 'resume';

/** One hop between this node and the world, as `doctor` looked at it. */
export interface DoctorCheck {
  readonly check: string;
  /** `unknown`: could not be looked at, with the reason in `detail`. */
  readonly verdict: 'ok' | 'warning' | 'failed' | 'unknown';
  readonly detail: string;
  /** What the operator can do about it; empty when there is nothing to do. */
  readonly advice: string;
}

export interface DoctorReport {
  readonly reachability: 'public' | 'private' | 'unknown';
  /** Addresses at which others confirmed to reach this node. */
  readonly confirmed: readonly string[];
  readonly checks: readonly DoctorCheck[];
}
