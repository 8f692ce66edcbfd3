/** The least that a mesh needs above it: a replica that believes everybody. No guard, no outbox, no waiting for others. */
import { createMesh, type MeshOptions } from '../../../src/graph/dam/create.ts';
import type { IncomingAck, IncomingPut, Mesh, MeshHandler, MeshPeer, Violation } from '../../../src/graph/dam/dam.ts';
import type { Delta, Query } from '../../../src/graph/data/types.ts';
import { createReplica } from '../../../src/graph/replica/create.ts';
import type { Replica } from '../../../src/graph/replica/replica.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { seededRandom, systemClock } from '../../../src/std/std.ts';

export interface PlainPeer {
  readonly mesh: Mesh;
  readonly replica: Replica;
  readonly acks: IncomingAck[];
  readonly puts: IncomingPut[];
  readonly extensions: { readonly verb: string; readonly body: unknown }[];
  readonly violations: Violation[];
  readonly peers: MeshPeer[];
  write(soul: string, fields: Readonly<Record<string, string | number | boolean | null>>, state?: number): string;
  value(soul: string, key: string): unknown;
  close(): Promise<void>;
}

export function plainPeer(options: Partial<MeshOptions> & { readonly seed?: number } = {}): PlainPeer {
  const clock = options.clock ?? systemClock;
  const replica = createReplica({ store: new MemoryStore(), clock });
  const acks: IncomingAck[] = [];
  const puts: IncomingPut[] = [];
  const extensions: { verb: string; body: unknown }[] = [];
  const violations: Violation[] = [];
  const peers: MeshPeer[] = [];
  const handler: MeshHandler = {
    put(message) {
      puts.push(message);
      if (message.notFound) return;
      const merge = replica.merge(message.deltas, 'peer');
      void merge.applied.then(({ accepted }) => {
        mesh.relay(message, accepted);
        return merge.stored.then(() => {
          if (message.answers === undefined) mesh.ack(message.id, message.from, true);
        });
      });
    },
    get(message) {
      void find(replica, message.query).then((nodes) => {
        mesh.answer(message, nodes);
        if (nodes.length === 0 || !message.from.relay) mesh.relayGet(message);
      });
    },
    ack: (message) => acks.push(message),
    hi: (peer) => peers.push(peer),
    bye: (peer) => peers.splice(peers.indexOf(peer), 1),
    extension: (verb, body) => extensions.push({ verb, body }),
  };
  const mesh = createMesh({
    relay: true, random: seededRandom(options.seed ?? 1), clock, ...options, handler: options.handler ?? handler,
    onViolation: (_peer, violation) => violations.push(violation),
  });
  return {
    mesh, replica, acks, puts, extensions, violations, peers,
    write(soul, values, state = replica.nextState()) {
      const deltas: Delta[] = [{ soul, fields: Object.entries(values).map(([key, value]) => ({ key, value, state })) }];
      replica.merge(deltas, 'local');
      return mesh.put(deltas, { acks: 9 }).id;
    },
    value: (soul, key) => replica.peek(soul)?.value(key),
    async close() {
      mesh.close();
      await replica.close();
    },
  };
}

async function find(replica: Replica, { soul, key }: Query): Promise<Delta[]> {
  if (typeof soul !== 'string') return [];
  const node = typeof key === 'object' ? await replica.range(soul, key) : await replica.load(soul);
  if (!node) return [];
  if (typeof key !== 'string') return [node.toDelta()];
  const field = node.field(key);
  return field ? [{ soul, fields: [field] }] : [];
}
