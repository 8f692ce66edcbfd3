import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('./polite-gun.cjs', import.meta.url));

export interface Served {
  readonly counts: { readonly puts: number; readonly acked: number; readonly reads: number; readonly answered: number };
  /** The last acknowledged value of `n`, by soul. */
  readonly acked: ReadonlyMap<string, number>;
  /** Values whose acknowledgement did not come in time. */
  readonly unacked: readonly number[];
  /** Of acknowledged puts. */
  readonly tookMs: readonly number[];
}

/** gun.js in a process of its own that writes to souls with this prefix and reads `known/…`, until it is stopped. */
export async function openPolite(url: string, prefix: string): Promise<{ stop(): Promise<Served> }> {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-polite-'));
  const child = fork(program, [url, prefix], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await once(child, 'message');
  let stopped: Promise<Served> | undefined;
  const stop = async (): Promise<Served> => {
    const said = once(child, 'message') as Promise<[{ counts: Served['counts']; acked: [string, number][]; tookMs: number[]; unacked: number[] }]>;
    const ended = once(child, 'exit');
    child.send('stop');
    const [{ counts, acked, tookMs, unacked }] = await Promise.race([said, ended.then(() => { throw new Error('the gun.js client died'); })]);
    await ended;
    rmSync(directory, { recursive: true, force: true });
    return { counts, acked: new Map(acked), tookMs, unacked };
  };
  return { stop: () => (stopped ??= stop()) };
}
