import { assemble, openGround, type Assembled, type Ground, type OpenOptions } from '../open.ts';
import type { Author, GraphPeer } from '../peer/peer.ts';
import type { GraphStore } from '../storage/storage.ts';

interface Folder {
  readonly store: GraphStore;
  readonly ground: Ground;
  users: number;
}

/**
 * Graphs of one process that name the same folder. gun.js lets them write to its files side by side, and loses data so. Here
 * they are one peer, with one replica over the store and one set of wires; only who is logged in is each graph's own.
 */
export class Folders {
  readonly #openStore: (name: string) => GraphStore;
  readonly #folders = new Map<string, Folder>();

  constructor(openStore: (name: string) => GraphStore) {
    this.#openStore = openStore;
  }

  open(name: string, options: OpenOptions): Assembled {
    const folder = this.#folders.get(name) ?? this.#openFolder(name, options);
    folder.users++;
    let closed: Promise<void> | undefined;
    const close = async (): Promise<void> => {
      if (--folder.users > 0) return;
      this.#folders.delete(name);
      await folder.ground.close().finally(() => folder.store.close());
    };
    return { ...assemble({ ...folder.ground, peer: withOwnAuthor(folder.ground.peer) }, options), close: () => (closed ??= close()) };
  }

  #openFolder(name: string, options: OpenOptions): Folder {
    const store = this.#openStore(name);
    const folder = { store, ground: openGround({ ...options, store }), users: 0 };
    this.#folders.set(name, folder);
    return folder;
  }
}

/** The same peer, but what is put through here is signed by whoever is logged in here. */
function withOwnAuthor(peer: GraphPeer): GraphPeer {
  let author: Author | undefined;
  return {
    pid: peer.pid,
    mesh: peer.mesh,
    nextState: () => peer.nextState(),
    peek: (soul) => peer.peek(soul),
    resident: (soul) => peer.resident(soul),
    load: (soul) => peer.load(soul),
    range: (soul, lex) => peer.range(soul, lex),
    souls: (lex) => peer.souls(lex),
    watch: (soul, watcher) => peer.watch(soul, watcher),
    watchAll: (watcher) => peer.watchAll(watcher),
    put: (deltas, options = {}) => {
      const authored = author ? author(deltas, options) : deltas;
      return authored instanceof Promise ? authored.then((signed) => peer.put(signed, options)) : peer.put(authored, options);
    },
    ask: (query, options) => peer.ask(query, options),
    subscribe: (query) => peer.subscribe(query),
    onPeer: (listener) => peer.onPeer(listener),
    setAuthor: (given) => {
      author = given;
    },
    digest: () => peer.digest(),
    stats: () => peer.stats(),
    close: () => peer.close(),
  };
}
