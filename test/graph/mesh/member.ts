/** What every member of a mesh under test can be asked, whatever it runs on. Times are milliseconds, states are gun.js's. */

/** What one member may hold of one field. */
export type Entry = readonly [soul: string, key: string, state: number, value: unknown];

export interface Opening {
  /** URLs of the relays that it dials. */
  readonly peers: readonly string[];
  /** Serves WebSockets itself. */
  readonly relay: boolean;
  /** Where it keeps the graph over a crash; in memory without. */
  readonly directory?: string;
  /** gun.js: its router, which sends puts only to who asked. */
  readonly axe?: boolean;
}

/** One write of a schedule. `set` adds a new node with these fields; `tie` writes with a state that the schedule chose. */
export type Write =
  | { readonly kind: 'put'; readonly soul: string; readonly key: string; readonly value: string | number | boolean | null }
  | { readonly kind: 'node'; readonly soul: string; readonly fields: Readonly<Record<string, string | number | boolean>> }
  | { readonly kind: 'nested'; readonly soul: string; readonly key: string; readonly fields: Readonly<Record<string, string | number | boolean>> }
  | { readonly kind: 'set'; readonly soul: string; readonly item: string; readonly fields: Readonly<Record<string, string | number | boolean>> }
  | { readonly kind: 'tie'; readonly soul: string; readonly key: string; readonly value: string | number | boolean | null; readonly state: number };

export interface Operations {
  open(opening: Opening): Promise<{ readonly port: number }>;
  write(write: Write): void;
  /** Follows a node: changes are to come by themselves from now on. */
  watch(soul: string): void;
  /** Asks all peers for these nodes, once. Answers are merged as they come. */
  ask(souls: readonly string[]): void;
  /** All fields of souls that begin so. */
  dump(prefix: string): readonly Entry[] | Promise<readonly Entry[]>;
  /** Fields that others have confirmed to have on disk, as they were written. */
  acknowledged(prefix: string): readonly Entry[];
  forget(prefix: string): void;
  /** Peers that can be talked to now. */
  peers(): number;
  /** As somebody would who reloads the page: gun.js gives up a relay that is away when it comes back to it. */
  reconnect(): void;
}
