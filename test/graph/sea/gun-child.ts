/** gun.js in a child process (`gun-child.cjs`), as functions. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface GunChild {
  call<T = unknown>(op: string, ...args: unknown[]): Promise<T>;
  close(): Promise<void>;
}

/** `native` reads objects in the order of the text, `sorted` (gun.js with its own parser, as servers have it) by key. */
export function startGun(parser: 'native' | 'sorted', ...peers: string[]): GunChild {
  const child = spawn(process.execPath, [fileURLToPath(new URL('gun-child.cjs', import.meta.url)), parser, ...peers], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let last = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, result } = JSON.parse(line) as { readonly id: number; readonly result?: unknown };
    waiting.get(id)?.resolve(result);
    waiting.delete(id);
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('gun.js is gone'));
    resolve();
  }));
  return {
    call: <T>(op: string, ...args: unknown[]) => new Promise<T>((resolve, reject) => {
      waiting.set(++last, { resolve: resolve as (value: unknown) => void, reject });
      child.stdin.write(`${JSON.stringify({ id: last, op, args })}\n`);
    }),
    close: async () => {
      child.stdin.end();
      await gone;
    },
  };
}
