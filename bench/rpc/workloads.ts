/** What is asked of every server, and what the figures are held against. */
import type { Request } from './processes.ts';

export interface Pace {
  readonly rounds: number;
  /** Of the workloads that count calls. */
  readonly callMs: number;
  readonly echoBytes: number;
  /** Of one streaming put or get. */
  readonly streamBytes: number;
  /** Through a whole node, with its disk. */
  readonly nodeBytes: number;
}

export const full: Pace = { rounds: 9, callMs: 700, echoBytes: 16 * 2 ** 20, streamBytes: 256 * 2 ** 20, nodeBytes: 128 * 2 ** 20 };
export const smoke: Pace = { rounds: 1, callMs: 40, echoBytes: 2 ** 20, streamBytes: 4 * 2 ** 20, nodeBytes: 2 ** 20 };

/** As `About.chunkBytes` says. */
export const chunk = 2 ** 20;

export interface Workload {
  readonly name: string;
  readonly unit: 'calls/s' | 'MiB/s';
  readonly request: Omit<Request, 'address'>;
}

/** `about` is answered by the thread that holds the sockets, `getNode` is asked of the node's own thread. */
export function workloads({ callMs, echoBytes, streamBytes }: Pace): Workload[] {
  const calls = (op: 'about' | 'getNode', inFlight: number): Workload => ({ name: `${op}, ${inFlight} in flight`, unit: 'calls/s', request: { op, inFlight, ms: callMs } });
  return [
    calls('about', 1), calls('about', 64), calls('getNode', 1), calls('getNode', 64),
    { name: `echo ${echoBytes / 2 ** 20} MiB`, unit: 'MiB/s', request: { op: 'echo', inFlight: 1, ms: callMs, bytes: echoBytes } },
    { name: 'streaming put', unit: 'MiB/s', request: { op: 'put', bytes: streamBytes, chunk } },
    { name: 'streaming get', unit: 'MiB/s', request: { op: 'get', bytes: streamBytes, chunk, link: 'bench' } },
  ];
}

/** Raw loopback, in the client's own language. */
export function rawWorkloads({ streamBytes }: Pace): Workload[] {
  return (['put', 'get'] as const).map((op) => ({ name: `streaming ${op}`, unit: 'MiB/s', request: { op: `raw-${op}`, bytes: streamBytes, chunk } }));
}

export interface Goal {
  readonly workload: RegExp;
  readonly against: string;
  readonly least: number;
}

export const goals: readonly Goal[] = [
  { workload: /, 64 in flight$/, against: 'c++', least: 0.8 },
  { workload: /^streaming (put|get)$/, against: 'raw', least: 0.7 },
];
