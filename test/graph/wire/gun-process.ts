/**
 * Real gun.js in a process of its own, with a folder of its own, driven over IPC. As a client (`peers`) or as a relay
 * (`listen`), with or without AXE and storage. What it prints goes nowhere unless `GUN_PROCESS_LOG` is set.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface GunProcessOptions {
  /** URLs of relays. */
  readonly peers?: readonly string[];
  /** Serve as a relay on a free port of loopback. */
  readonly listen?: boolean;
  /** Of a relay that comes back. */
  readonly port?: number;
  readonly axe?: boolean;
  /** Files in `folder`; otherwise memory. */
  readonly store?: boolean;
  /** Kept by the caller; otherwise a new one that is removed at the end. */
  readonly folder?: string;
}

export type GunState = Readonly<Record<string, number>>;

/** A node as gun.js holds it: `_` with soul and states, and the fields. */
export type GunNode = { readonly _: { readonly '#': string; readonly '>': GunState } } & Readonly<Record<string, unknown>>;

export interface GunProcess {
  readonly pid: number;
  /** Of a relay; otherwise ''. */
  readonly url: string;
  /** Through the chain; resolves with the acknowledgement, or `{ lack: true }` after `waitMs` (0: does not wait). */
  put(path: readonly string[], data: unknown, waitMs?: number): Promise<Record<string, unknown>>;
  /** A raw message into the mesh, as if this process had made it. */
  putGraph(graph: Readonly<Record<string, unknown>>): Promise<void>;
  /** `once` with GUN's own wait; undefined when nothing came within `waitMs`. */
  once(path: readonly string[], waitMs?: number): Promise<unknown>;
  /** Begins to listen; what came is read with `heard`. */
  on(path: readonly string[]): Promise<void>;
  map(path: readonly string[]): Promise<void>;
  /** Every call of `on` and `map` so far: path of the listener, key, data. */
  heard(): Promise<readonly { readonly path: string; readonly key: string; readonly data: unknown }[]>;
  /** What it has in memory, whatever the network would say. */
  graph(souls?: readonly string[]): Promise<Readonly<Record<string, GunNode>>>;
  /** Asks its peers for each soul and gives what is known after `waitMs` of quiet. */
  ask(souls: readonly string[], waitMs?: number): Promise<Readonly<Record<string, GunNode>>>;
  /** Connections that are open. */
  peers(): Promise<number>;
  /** Closes all its connections to peers and does not come back until `connect`. */
  disconnect(): Promise<void>;
  connect(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

const callMs = 60_000;

export async function startGun(options: GunProcessOptions = {}): Promise<GunProcess> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'gun-process-')));
  const child = fork(fileURLToPath(new URL('gun-child.cjs', import.meta.url)), [], {
    cwd: folder, execArgv: [], serialization: 'json',
    env: { ...process.env, GUN_OPTIONS: JSON.stringify(options), AXE: options.axe === true ? '' : 'false' },
    stdio: process.env['GUN_PROCESS_LOG'] === undefined ? ['ignore', 'ignore', 'ignore', 'ipc'] : ['ignore', 2, 2, 'ipc'],
  });
  const call = caller(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let url: string;
  try {
    url = (await call('ready')) as string;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
  };
  return {
    pid: child.pid as number,
    url,
    put: (path, data, waitMs = 5000) => call('put', path, data, waitMs) as Promise<Record<string, unknown>>,
    putGraph: (graph) => call('putGraph', graph) as Promise<void>,
    once: async (path, waitMs = 5000) => (await call('once', path, waitMs)) ?? undefined,
    on: (path) => call('on', path) as Promise<void>,
    map: (path) => call('map', path) as Promise<void>,
    heard: () => call('heard') as Promise<readonly { path: string; key: string; data: unknown }[]>,
    graph: (souls) => call('graph', souls) as Promise<Record<string, GunNode>>,
    ask: (souls, waitMs = 300) => call('ask', souls, waitMs) as Promise<Record<string, GunNode>>,
    peers: () => call('peers') as Promise<number>,
    disconnect: () => call('disconnect') as Promise<void>,
    connect: () => call('connect') as Promise<void>,
    kill: end,
    close: end,
  };
}

function caller(child: ChildProcess): (command: string, ...args: readonly unknown[]) => Promise<unknown> {
  const open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let next = 1;
  child.on('message', ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
    const call = open.get(id);
    open.delete(id);
    if (error === undefined) call?.resolve(value);
    else call?.reject(new Error(error));
  });
  child.on('exit', (code, signal) => {
    for (const { reject } of open.values()) reject(new Error(`gun.js ended with ${code ?? signal}`));
    open.clear();
  });
  return (command, ...args) =>
    new Promise((resolve, reject) => {
      const id = next++;
      const timer = setTimeout(() => {
        open.delete(id);
        reject(new Error(`gun.js did not answer ${command} in ${callMs} ms`));
      }, callMs);
      open.set(id, {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      child.send({ id, command, args }, (error) => {
        if (error) open.get(id)?.reject(error);
      });
    });
}
