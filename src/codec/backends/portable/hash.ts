/** BLAKE3: the prebuilt binding where the platform has one, pure JavaScript elsewhere, a hundred times slower. */
import { createRequire } from 'node:module';
import { blake3 as blake3InJavaScript } from '@noble/hashes/blake3.js';
import { utf8 } from '../../../std/std.ts';

interface Hash {
  readonly name: string;
  hash(bytes: Uint8Array): Uint8Array;
  deriveKey(context: string, material: Uint8Array): Uint8Array;
}

export const nobleHash: Hash = {
  name: 'noble',
  hash: (bytes) => blake3InJavaScript(bytes),
  deriveKey: (context, material) => blake3InJavaScript(material, { context: utf8(context) }),
};

export const hash: Hash = bindingHash() ?? nobleHash;

function bindingHash(): Hash | undefined {
  let binding: typeof import('@napi-rs/blake-hash');
  try {
    binding = createRequire(import.meta.url)('@napi-rs/blake-hash') as typeof binding;
  } catch {
    return undefined; // no binary for this platform; `kernels.hash` names what runs instead
  }
  return {
    name: 'blake-hash',
    hash: (bytes) => new Uint8Array(binding.blake3(bytes)),
    deriveKey: (context, material) => new Uint8Array(binding.Blake3Hasher.deriveKey(context, material)),
  };
}
