/** gun.js as a member, in Node and in pages. Nothing here may need Node: pages get this file with its types stripped. */
import type { Entry, Operations, Opening, Write } from './member.ts';

interface Chain {
  get(key: string): Chain;
  put(value: unknown, acked?: (ack: { ok?: unknown; err?: unknown }) => void): Chain;
  set(value: unknown, acked?: (ack: { ok?: unknown; err?: unknown }) => void): Chain;
  on(changed: () => void): Chain;
  off(): Chain;
  readonly _: Root;
}

interface Node {
  readonly _: { readonly '#': string; readonly '>': Readonly<Record<string, number>> };
  readonly [key: string]: unknown;
}

interface Peer {
  readonly url?: string;
  readonly wire?: { readonly readyState?: number } | null;
}

interface Root {
  readonly graph: Record<string, Node | undefined>;
  next?: Record<string, unknown>;
  readonly opt: { peers: Record<string, Peer>; uuid: () => string; readonly mesh: { hi(peer: object): void } };
  on(event: 'in' | 'out', message: object): void;
}

export type MakeGun = (options: object) => Chain;

const open = 1;

export function gunOperations(makeGun: MakeGun, listen: (opening: Opening) => Promise<{ port: number; options: object }>): Operations {
  let gun: Chain;
  let urls: readonly string[] = [];
  const acked: Entry[] = [];
  const id = (): string => Math.random().toString(36).slice(2, 11).padEnd(9, '0');

  /** What was just written stands in the graph already; gun.js tells only that it was acknowledged. */
  const whenAcked = (soul: string, keys: readonly string[]) => {
    const written: Entry[] = [];
    const note = (): void => {
      const node = gun._.graph[soul];
      for (const key of keys) if (node?._['>'][key] !== undefined) written.push([soul, key, node._['>'][key], node[key]]);
    };
    const acknowledge = (ack: { ok?: unknown; err?: unknown }): void => {
      if (ack.ok === true && ack.err === undefined) acked.push(...written.splice(0));
    };
    return { note, acknowledge };
  };

  const writes: { readonly [Kind in Write['kind']]: (write: Extract<Write, { kind: Kind }>) => void } = {
    put: ({ soul, key, value }) => {
      const { note, acknowledge } = whenAcked(soul, [key]);
      gun.get(soul).get(key).put(value, acknowledge);
      note();
    },
    node: ({ soul, fields }) => {
      const { note, acknowledge } = whenAcked(soul, Object.keys(fields));
      gun.get(soul).put({ ...fields }, acknowledge);
      note();
    },
    nested: ({ soul, key, fields }) => void gun.get(soul).get(key).put({ ...fields }),
    set: ({ soul, item, fields }) => {
      gun._.opt.uuid = () => item;
      gun.get(soul).set({ ...fields });
    },
    tie: ({ soul, key, value, state }) => void gun._.on('in', { '#': id(), put: { [soul]: { _: { '#': soul, '>': { [key]: state } }, [key]: value } } }),
  };

  const operations: Operations = {
    async open(opening) {
      urls = opening.peers;
      const { port, options } = await listen(opening);
      gun = makeGun({ peers: [...urls], axe: opening.axe === true, super: opening.relay, multicast: false, stats: false, localStorage: false, ...options });
      return { port };
    },
    write: (write) => (writes[write.kind] as (write: Write) => void)(write),
    watch: (soul) => void gun.get(soul).on(() => undefined),
    ask(souls) {
      for (const soul of souls) gun._.on('out', { '#': id(), get: { '#': soul } });
    },
    dump: (prefix) => Object.values(gun._.graph).flatMap((node) => node === undefined || !node._['#'].startsWith(prefix) ? [] : Object.entries(node)
      .filter(([key]) => key !== '_').map(([key, value]): Entry => [node._['#'], key, node._['>'][key] ?? Number.NaN, value])),
    acknowledged: (prefix) => acked.filter(([soul]) => soul.startsWith(prefix)),
    forget(prefix) {
      for (const soul of Object.keys(gun._.graph)) if (soul.startsWith(prefix)) delete gun._.graph[soul];
      for (const soul of Object.keys(gun._.next ?? {})) {
        if (!soul.startsWith(prefix)) continue;
        gun.get(soul).off();
        delete gun._.next?.[soul];
      }
      acked.length = 0;
    },
    peers: () => Object.values(gun._.opt.peers).filter(({ wire }) => wire?.readyState === open).length,
    reconnect() {
      for (const url of urls) {
        if (gun._.opt.peers[url]?.wire?.readyState === open) continue;
        gun._.opt.peers[url] = { url, id: url } as Peer;
        gun._.opt.mesh.hi(gun._.opt.peers[url] as object);
      }
    },
  };
  return operations;
}
