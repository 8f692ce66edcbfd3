import { blake3 } from '@noble/hashes/blake3.js';
import { utf8 } from '../../src/std/std.ts';
import type { DeriveKey } from '../../src/identity/identity.ts';

/** The codec's `deriveKey`, by the library that its portable backend is checked against. */
export const deriveKey: DeriveKey = (context, material) => blake3(material, { context: utf8(context) });
