/** What the bench needs of a graph, so that the same loops (`drive.ts`) run over gun.js and over ours. */
export interface Opening {
  /** Serve WebSockets on a port of the machine's choice, path `/gun`. */
  readonly listen?: boolean;
  /** URLs to keep connected to. */
  readonly peers?: readonly string[];
  /** Where it keeps what it stores; memory only without. */
  readonly directory?: string;
  /** Ours: a node of the mesh, as one that listens is, and not an end of it. */
  readonly node?: boolean;
  /** gun.js: its `axe` option, on as it ships. */
  readonly axe?: boolean;
}

export interface Adapter {
  readonly name: string;
  /** The port it listens on, or 0. */
  open(opening: Opening): Promise<number>;
  /** A frame as it comes from a peer over a wire; `say` gets what goes back to that peer. One raw peer a process. */
  raw(say: (frame: string) => void): (frame: string) => void;
  /** Chain API. `acked` once: true when it was acknowledged without an error. */
  put(soul: string, value: object, acked?: (ok: boolean) => void): void;
  putKey(soul: string, key: string, value: string | number): void;
  /** The callback comes once, with undefined when nothing is there. */
  once(soul: string, key: string | undefined, found: (value: unknown) => void): void;
  on(soul: string, key: string | undefined, changed: (value: unknown) => void): void;
  /** Each item of a set, as often as the API calls. */
  map(soul: string, item: (key: string, value: unknown) => void): void;
  /** In memory now, whatever the store has. */
  has(soul: string, key: string): boolean;
  /** Peers whose handshake is over. */
  peers(): number;
  close(): Promise<void>;
}
