/** The realtime graph for a caller at the node itself: what the command line, RPC and a program around the node ask of it. */
import type { Field, Scalar, Violation, WireNode } from '../graph/graph.ts';

export type { Field as GraphField, Scalar as GraphScalar, Value as GraphValue, Violation as GraphViolation } from '../graph/graph.ts';

export interface GraphNodeView {
  readonly soul: string;
  /** In order of key. A deleted field is there with the value null. */
  readonly fields: readonly Field[];
  /** There are more fields behind these; only where a limit was asked for. */
  readonly more?: true;
}

/** Which fields of a node; without a condition all. Keys are compared in byte order. */
export interface GraphRange {
  /** This one alone. */
  readonly key?: string;
  readonly prefix?: string;
  /** Both inclusive. */
  readonly from?: string;
  readonly to?: string;
  /** Not itself: the last key of the page before. */
  readonly after?: string;
  /** At most so many fields, and so many characters of keys and texts, but at least one field. */
  readonly limit?: { readonly fields: number; readonly chars: number };
}

/** What a field is set to: a scalar, null to delete it, or a link to another soul. */
export type GraphInput = Readonly<Record<string, Scalar | { readonly '#': string }>>;

export interface GraphPutView {
  readonly soul: string;
  /** When it was written, in the graph's time: milliseconds since 1970 with fractions. */
  readonly state: number;
  /** What the write survives by now. */
  readonly stored: 'memory' | 'disk' | 'remote';
}

/** Something happened to a node: first all that there is, then what changes. */
export interface GraphChange {
  readonly soul: string;
  readonly origin: 'now' | 'local' | 'peer' | 'deferred';
  /** Where changes come faster than they are read, only the newest value of each key. */
  readonly fields: readonly Field[];
  /** The rest of what is told of this node comes next. */
  readonly more?: true;
  /** Nodes whose changes were dropped just before this one: only of a prefix, where more nodes changed than can wait. */
  readonly lost?: number;
}

/** What is watched. Peers are asked for it, too, and keep this node told. */
export interface GraphInterest {
  readonly souls: readonly string[] | { readonly prefix: string };
  /** All of the node with each change, instead of what changed. */
  readonly whole?: boolean;
}

export interface GraphPeerView {
  /** Number of the connection in this process. */
  readonly id: number;
  /** What the other side calls itself; empty until it said so. Not an identity. */
  readonly pid: string;
  /** The URL of one that was dialled, the address of one that came. */
  readonly name: string;
  readonly direction: 'dialled' | 'accepted';
  /** A relay gets all that is put; a leaf gets what it asked for. */
  readonly role: 'relay' | 'leaf';
  readonly speaks: 'pangea' | 'gun';
}

/** A relay of `graph-peers`. */
export interface GraphRelayView {
  readonly url: string;
  /** `waiting` before the next attempt; `self`: the URL leads to this very node. */
  readonly state: 'open' | 'connecting' | 'waiting' | 'self' | 'closed';
}

export interface GraphStatus {
  /** `off`: the node was started without `graph-addr`. */
  readonly state: 'off' | 'up';
  /** `ws://host:port/gun`. */
  readonly address: string;
  readonly pid: string;
  readonly store: {
    readonly name: string;
    readonly durability: 'memory' | 'disk' | 'remote';
    /** Batches and fields stored since the start. */
    readonly writes: number;
    readonly written: number;
    /** On disk or in memory; of a bucket, what was written since the start. */
    readonly bytes: number;
  };
  /** Of the whole graph: equal in two nodes that hold the same. Undefined until it is known. */
  readonly digest: string | undefined;
  readonly relays: readonly GraphRelayView[];
  readonly peers: { readonly relays: number; readonly leaves: number; readonly pangea: number };
  /** Fields since the start. */
  readonly fields: { readonly accepted: number; readonly old: number; readonly refused: number; readonly deferred: number; readonly unstored: number };
  readonly memory: { readonly nodes: number; readonly fields: number; readonly watched: number };
  readonly messages: { readonly in: number; readonly out: number; readonly duplicates: number; readonly relayed: number };
  /** Writes of this node that no relay has confirmed. */
  readonly outbox: number;
  readonly subscriptions: number;
  /** Attempts of the store that failed; what was to be written is written again. */
  readonly failedWrites: number;
  readonly violations: Readonly<Partial<Record<Violation, number>>>;
}

/** One record of an export: a node as messages carry it, `{_: {'#': soul, '>': {key: state}}, key: value}`. Large nodes come in several. */
export type GraphRecord = WireNode;

/** Counts of fields, but for `nodes` and `malformed`. */
export interface GraphImport {
  /** Records that were read. */
  readonly nodes: number;
  readonly taken: number;
  /** Known already, or older than what is known. */
  readonly old: number;
  /** Ahead of the clock: they are merged when their time comes. */
  readonly later: number;
  /** More than a day ahead of the clock, or without the signature that their soul demands. */
  readonly refused: number;
  /** Records of which nothing was taken, because something in them cannot be in a graph. */
  readonly malformed: number;
}

/** Every call but `status` throws `NOT_SUPPORTED` when the node serves no graph. */
export interface GraphApi {
  status(): Promise<GraphStatus>;
  /** From here, else from peers within `waitMs` (default 2,000; 0 asks nobody). Undefined when nobody has it. */
  get(soul: string, options?: GraphRange & { readonly waitMs?: number }): Promise<GraphNodeView | undefined>;
  /** Resolves when stored. Throws `USAGE` on a value that cannot be one, `DENIED` where the soul takes signed values only. */
  put(soul: string, input: GraphInput): Promise<GraphPutView>;
  /** The node as it is, then its changes, until the signal. Peers are asked, too, and keep this node told. */
  watch(soul: string | GraphInterest, signal: AbortSignal): AsyncIterable<GraphChange>;
  /** In byte order, those after `after`. */
  souls(prefix?: string, after?: string): AsyncIterable<string>;
  /** Every node that is here, in order of soul. */
  export(prefix?: string): AsyncIterable<GraphRecord>;
  /** Merges as if a peer had sent it: signatures are checked, the newer field stays. Resolves when all that was taken is stored. */
  import(records: AsyncIterable<GraphRecord>): Promise<GraphImport>;
  peers(): Promise<readonly GraphPeerView[]>;
}
