/**
 * Where invitations and revocations are kept: the part of `kv`'s contract that identity needs.
 * Written out because identity stands beside kv, not above it.
 */
export interface CredentialStore {
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array): Promise<void>;
  batch(operations: readonly CredentialOperation[]): Promise<void>;
  entries(prefix: string): AsyncIterable<readonly [string, Uint8Array]>;
}

export type CredentialOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: string };
