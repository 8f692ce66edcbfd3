/** What programs give to `Gun(…)`, as far as it means something here; the rest is kept and can be read with `gun.back('opt.…')`. */
export interface GunOptions {
  peers?: Record<string, unknown>;
  /** Name of the folder, in Node. Default `radata`. */
  file?: unknown;
  /** False: memory only, as each of the others. */
  radisk?: unknown;
  rad?: unknown;
  localStorage?: unknown;
  /** An HTTP server to serve the graph on, in Node. */
  web?: unknown;
  uuid?: (() => string) | ((length?: number) => string);
  [name: string]: unknown;
}

/** A URL, several, or an object with `peers` in any of GUN's forms: URLs, `{url}` objects, or both by name. */
export function readOptions(given: unknown): GunOptions {
  if (typeof given === 'string') return { peers: { [given]: { url: given } } };
  if (Array.isArray(given)) return { peers: byUrl(given) };
  if (typeof given !== 'object' || given === null) return {};
  const options: GunOptions = { ...given };
  const { peers } = given as { readonly peers?: unknown };
  if (typeof peers === 'string') options.peers = { [peers]: { url: peers } };
  else if (Array.isArray(peers)) options.peers = byUrl(peers);
  else if (typeof peers !== 'object' || peers === null) delete options.peers;
  return options;
}

export function urlsOf({ peers = {} }: GunOptions): string[] {
  return Object.entries(peers).map(([name, peer]) => urlOf(peer) ?? name);
}

function byUrl(peers: readonly unknown[]): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const peer of peers) {
    const url = typeof peer === 'string' ? peer : urlOf(peer);
    if (url !== undefined) all[url] = typeof peer === 'string' ? { url } : peer;
  }
  return all;
}

function urlOf(peer: unknown): string | undefined {
  const url: unknown = typeof peer === 'object' && peer !== null ? (peer as { url?: unknown }).url : undefined;
  return typeof url === 'string' ? url : undefined;
}

/** Programs that want memory only say so with any of these. */
export function wantsStore({ radisk, rad, localStorage, file }: GunOptions, inPage: boolean): boolean {
  return inPage ? localStorage !== false : radisk !== false && rad !== false && file !== false;
}
