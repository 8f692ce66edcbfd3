/** The graph in numbers: what `GraphPeer.stats()` has, what comes in by kind, and how long durable writes take. */
import type { GraphPeer, GraphStore, MeshHandler, Violation } from '../graph/graph.ts';
import type { Clock } from '../std/std.ts';
import type { Metrics } from '../telemetry/telemetry.ts';

const writeSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Counts what peers ask for, before the graph decides anything. */
export function countedHandler(handler: MeshHandler, metrics: Metrics): MeshHandler {
  const puts = metrics.counter('pangea_graph_puts_total', 'Messages of peers that put something, well formed');
  const fields = metrics.counter('pangea_graph_put_fields_total', 'Fields in them');
  const gets = metrics.counter('pangea_graph_gets_total', 'Messages of peers that ask for something');
  const acks = metrics.counter('pangea_graph_acks_total', 'Acknowledgements of peers');
  return {
    put: (message) => {
      puts.add();
      fields.add(message.deltas.reduce((sum, delta) => sum + delta.fields.length, 0));
      handler.put(message);
    },
    get: (message) => {
      gets.add();
      handler.get(message);
    },
    ack: (message) => {
      acks.add();
      handler.ack(message);
    },
    hi: (peer) => handler.hi(peer),
    bye: (peer) => handler.bye(peer),
    extension: (verb, body, from) => handler.extension(verb, body, from),
  };
}

/** The same store; an acknowledgement of a durable write is given when its write here has settled. */
export function timedStore(store: GraphStore, metrics: Metrics, clock: Clock): GraphStore {
  const took = metrics.histogram('pangea_graph_store_write_seconds', 'From a batch being given to the store to its being stored', writeSeconds);
  return {
    name: store.name,
    durability: store.durability,
    read: (souls) => store.read(souls),
    range: (soul, lex) => store.range(soul, lex),
    souls: (lex) => store.souls(lex),
    stats: () => store.stats(),
    close: () => store.close(),
    async write(deltas) {
      const startedMs = clock.monotonicMs();
      await store.write(deltas);
      took.observe((clock.monotonicMs() - startedMs) / 1000);
    },
  };
}

export function violationCounter(metrics: Metrics): (rule: Violation) => void {
  const counter = metrics.counter('pangea_graph_violations_total', 'Rules of the graph that peers broke, by rule', ['rule']);
  return (rule) => counter.add(1, { rule });
}

export function graphGauges(metrics: Metrics, peer: GraphPeer, store: GraphStore, storedBytes: () => number): void {
  const { mesh } = peer;
  const among = (which: (each: { readonly relay: boolean; readonly pangea: boolean }) => boolean) => () => mesh.peers().filter(which).length;
  const gauges: Readonly<Record<string, readonly [help: string, read: () => number]>> = {
    peers: ['Peers connected', () => mesh.peers().length],
    relays: ['Relays among them, which get all that is put', among(({ relay }) => relay)],
    leaves: ['Leaves among them, which get what they asked for', among(({ relay }) => !relay)],
    peers_pangea: ['Peers that speak our extensions', among(({ pangea }) => pangea)],
    peers_gun: ['Peers that speak plain DAM', among(({ pangea }) => !pangea)],
    nodes_in_memory: ['Nodes at hand', () => peer.stats().replica.nodesInMemory],
    fields_in_memory: ['Fields at hand', () => peer.stats().replica.fieldsInMemory],
    watched: ['Nodes that somebody watches', () => peer.stats().replica.watched],
    fields_deferred: ['Fields whose time has not come', () => peer.stats().replica.deferred],
    fields_accepted: ['Fields taken since the start', () => peer.stats().replica.accepted],
    fields_old: ['Fields that lost against what was known, since the start', () => peer.stats().replica.old],
    fields_refused: ['Fields too far in the future, or more than can wait, since the start', () => peer.stats().replica.refused],
    fields_unstored: ['Fields taken and not stored yet', () => peer.stats().replica.unstored],
    failed_writes: ['Attempts of the store that failed; they are made again', () => peer.stats().replica.failedWrites],
    frames_in: ['Frames that came, since the start', () => peer.stats().mesh.framesIn],
    frames_out: ['Frames that went, since the start', () => peer.stats().mesh.framesOut],
    messages_in: ['Messages that came, since the start', () => peer.stats().mesh.messagesIn],
    messages_out: ['Messages that went, since the start', () => peer.stats().mesh.messagesOut],
    duplicates: ['Messages that had come before, since the start', () => peer.stats().mesh.duplicates],
    relayed: ['Puts that were passed on, since the start', () => peer.stats().mesh.relayed],
    outbox: ['Writes of this node that no relay has confirmed', () => peer.stats().outbox],
    subscriptions: ['Questions that this node keeps open with its peers', () => peer.stats().subscriptions],
    store_writes: ['Batches stored, since the start', () => store.stats().writes],
    store_fields: ['Fields stored, since the start', () => store.stats().fields],
    store_bytes: ['Bytes that the store takes on disk or in memory', storedBytes],
  };
  for (const [name, [help, read]] of Object.entries(gauges)) metrics.gauge(`pangea_graph_${name}`, help, read);
}
