/** What a user keeps. A link with a key reads; one without verifies and repairs. Bytes: `schema/link.md`. */
import { blake3 } from '@noble/hashes/blake3.js';
import { PangeaError } from '../../errors/errors.ts';
import { concatBytes, equalBytes, fromBase32, toBase32, utf8 } from '../../std/std.ts';

export interface Link {
  readonly root: Uint8Array;
  /** 32 bytes, a secret; absent in a verify-and-repair link. */
  readonly key?: Uint8Array;
}

const prefix = 'pangea:1:';
const type = { read: 1, verify: 2 } as const;
const checksumBytes = 4;
const context = utf8('pangea-node 1 link');
const digits = (bytes: number): number => Math.ceil((bytes * 8) / 5);
const lengths: Readonly<Record<number, number>> = { [type.read]: 1 + 64 + checksumBytes, [type.verify]: 1 + 32 + checksumBytes };

export function formatLink(link: Link): string {
  const content = link.key
    ? concatBytes(Uint8Array.of(type.read), link.root, link.key)
    : concatBytes(Uint8Array.of(type.verify), link.root);
  return prefix + toBase32(concatBytes(content, checksumOf(content)));
}

/** True for text that means to be a link, be it whole or not: it is never looked up as a name, and never logged. */
export function looksLikeLink(text: string): boolean {
  return text.trim().toLowerCase().startsWith('pangea:');
}

/** Throws `LINK_TRUNCATED` when the end is missing and `LINK_INVALID` on anything else that is no link. */
export function parseLink(text: string): Link {
  const clean = text.trim().toLowerCase();
  if (!clean.startsWith(prefix)) {
    if (clean !== '' && prefix.startsWith(clean)) throw truncated();
    throw new PangeaError('LINK_INVALID', `a link begins with ${prefix}`);
  }
  const body = clean.slice(prefix.length);
  if (body.length < 2) throw truncated();
  const kind = decode(`${body.slice(0, 2)}`, true)[0] ?? 0;
  const bytes = lengths[kind];
  if (bytes === undefined) throw new PangeaError('LINK_INVALID', `the link is of type ${kind}, which is not known here`);
  if (body.length < digits(bytes)) throw truncated();
  if (body.length > digits(bytes)) throw new PangeaError('LINK_INVALID', 'the link is longer than a link');
  const content = decode(body, false);
  const checked = content.subarray(0, -checksumBytes);
  if (!equalBytes(checksumOf(checked), content.subarray(-checksumBytes))) {
    throw new PangeaError('LINK_INVALID', 'the checksum of the link is wrong: a letter was changed');
  }
  const root = checked.slice(1, 33);
  return kind === type.read ? { root, key: checked.slice(33) } : { root };
}

/** `partly`: only the first whole bytes matter, the left-over bits belong to the next. */
function decode(text: string, partly: boolean): Uint8Array {
  try {
    return fromBase32(partly ? `${text}aaaaaa` : text);
  } catch (error) {
    throw new PangeaError('LINK_INVALID', `the link has a letter that no link has: ${(error as Error).message}`, { cause: error });
  }
}

function checksumOf(content: Uint8Array): Uint8Array {
  return blake3(content, { context }).subarray(0, checksumBytes);
}

function truncated(): PangeaError {
  return new PangeaError('LINK_TRUNCATED', 'the link is cut off: its end is missing');
}
