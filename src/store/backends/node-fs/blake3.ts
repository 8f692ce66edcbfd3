/** BLAKE3 of payloads: the prebuilt addon (4.4 GiB/s) or, where it has none for this platform, JavaScript (40 MiB/s). */
import { createRequire } from 'node:module';
import { blake3 as blake3InJavaScript } from '@noble/hashes/blake3.js';

export const blake3: (bytes: Uint8Array) => Uint8Array = load();

function load(): (bytes: Uint8Array) => Uint8Array {
  try {
    return (createRequire(import.meta.url)('@napi-rs/blake-hash') as typeof import('@napi-rs/blake-hash')).blake3;
  } catch {
    return (bytes) => blake3InJavaScript(bytes);
  }
}
