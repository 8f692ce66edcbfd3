/** Where the node's events come from: every part that has something to tell, turned into the words of the api. */
import type { PeerView } from '../api/api.ts';
import type { Host } from '../host/host.ts';
import type { PeerId } from '../ids/ids.ts';
import type { Objects } from '../objects/objects.ts';
import type { Firewall } from '../firewall/firewall.ts';
import type { PeerRecord, PeerRegistry } from '../peers/peers.ts';
import type { Clock, Timer } from '../std/std.ts';
import type { Events } from './events.ts';

/** Measurements change with every ping: of each peer one change in this time is told, and the last is never left out. */
const peerPauseMs = 1_000;
/** Denials are told together, so that a flood of them is a few events a second. */
const denialPauseMs = 1_000;
/** Peers whose state is remembered, to tell what changed; beyond it the oldest counts as new when it is heard from again. */
const rememberedPeers = 8_192;
/** Listeners, with their rules, of which denials are gathered; there are as many as the node has ports, and the graph's rules. */
const denyingListeners = 64;

export interface EventSources {
  readonly events: Events;
  readonly peers: PeerRegistry;
  readonly host: Host;
  readonly objects: Objects;
  readonly firewalls: readonly Firewall[];
  /** Denials by an enforcer that only counts, by listener, since the start. */
  readonly counted: () => Readonly<Record<string, number>>;
  readonly view: (record: PeerRecord) => PeerView;
  readonly clock: Clock;
}

/** Tells until the returned function is called. */
export function watchSources(sources: EventSources): () => void {
  watchObjects(sources);
  const stops = [watchPeers(sources), watchFirewall(sources)];
  return () => { for (const stop of stops) stop(); };
}

function watchObjects({ events, objects }: EventSources): void {
  objects.on({
    put: ({ root, name, bytes }) => events.emit({ kind: 'object', change: 'put', root, name, bytes }),
    removed: (object) => events.emit({ kind: 'object', change: 'removed', ...object }),
    repairRound: ({ shardsRestored }) => events.emit({ kind: 'repair', change: 'roundEnded', root: '', shards: shardsRestored }),
    restored: (root, shards) => events.emit({ kind: 'repair', change: 'restored', root, shards }),
    unreadable: (root) => events.emit({ kind: 'repair', change: 'unreadable', root, shards: 0 }),
    repairPaused: (paused) => events.emit({ kind: 'repair', change: paused ? 'paused' : 'resumed', root: '', shards: 0 }),
  });
}

function watchPeers({ events, peers, host, view, clock }: EventSources): () => void {
  const connected = new Map<PeerId, boolean>(peers.list().map((record) => [record.peer, record.connected]));
  const changed = new Set<PeerId>();
  let timer: Timer | undefined;

  const tell = (change: 'found' | 'connected' | 'disconnected' | 'changed', record: PeerRecord): void => {
    if (events.wanted('peer')) events.emit({ kind: 'peer', change, peer: view(record) });
  };
  const flush = (): void => {
    timer = undefined;
    for (const peer of changed) {
      const record = peers.get(peer);
      if (record !== undefined) tell('changed', record);
    }
    changed.clear();
  };
  const later = (peer: PeerId): void => {
    if (!events.wanted('peer')) return;
    changed.add(peer);
    timer ??= clock.after(peerPauseMs, flush);
  };
  const forget = peers.onChange((record) => {
    const before = connected.get(record.peer);
    if (before === record.connected) return later(record.peer);
    connected.set(record.peer, record.connected);
    const [oldest] = connected.keys();
    if (connected.size > rememberedPeers && oldest !== undefined) connected.delete(oldest);
    if (before === undefined) tell('found', record);
    if (before !== undefined || record.connected) tell(record.connected ? 'connected' : 'disconnected', record);
  });
  host.on({ path: (peer) => later(peer) });
  return () => {
    timer?.cancel();
    forget();
  };
}

function watchFirewall({ events, firewalls, counted, clock }: EventSources): () => void {
  const denied = new Map<string, { listener: string; rule: string | undefined; address: string; count: number }>();
  let before = counted();
  let timer: Timer | undefined;

  const tell = (listener: string, address: string, count: number, rule?: string): void =>
    events.emit({ kind: 'firewall', change: 'denied', listener, address, count, ...(rule === undefined ? {} : { rule }) });
  for (const firewall of firewalls) {
    firewall.onDenied(({ listener, address, count, rule }) => {
      const of = `${listener}\n${rule ?? ''}`;
      const known = denied.get(of);
      if (known === undefined && denied.size >= denyingListeners) return;
      denied.set(of, { listener, rule, address: known === undefined || known.address === address ? address : '', count: (known?.count ?? 0) + count });
    });
  }
  firewalls[0]?.onChange((allow) => events.emit({ kind: 'firewall', change: 'rules', listener: '', address: '', count: allow.length }));
  const round = (): void => {
    timer = clock.after(denialPauseMs, round);
    for (const { listener, address, count, rule } of denied.values()) tell(listener, address, count, rule);
    denied.clear();
    const now = counted();
    for (const [listener, count] of Object.entries(now)) if (count > (before[listener] ?? 0)) tell(listener, '', count - (before[listener] ?? 0));
    before = now;
  };
  round();
  return () => timer?.cancel();
}
