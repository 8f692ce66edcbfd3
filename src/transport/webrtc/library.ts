/** node-datachannel, loaded when it is first needed: 9 MB that only nodes with a `stun` setting want. */
import type * as datachannel from 'node-datachannel';

export type Library = typeof datachannel;
export type LibraryLoad = { readonly ok: true; readonly library: Library } | { readonly ok: false; readonly reason: string };

let loading: Promise<LibraryLoad> | undefined;

export function loadLibrary(): Promise<LibraryLoad> {
  loading ??= import('node-datachannel').then(
    (library) => ({ ok: true, library }),
    (error: unknown) => ({ ok: false, reason: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) }),
  );
  return loading;
}

/**
 * The library calls back from C++, where an exception of ours ends the process, and so does any use of a channel that is
 * closed. Every callback goes through here.
 */
export function guarded<A extends readonly unknown[]>(run: (...args: A) => void, failed: (error: unknown) => void): (...args: A) => void {
  return (...args) => {
    try {
      run(...args);
    } catch (error) {
      failed(error);
    }
  };
}
