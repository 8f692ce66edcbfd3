/** Who may write a field of a user's node; asked by the guard for what comes and by the author for what is written here. */
import type { Value } from '../data/types.ts';
import { linkSoul } from '../data/value.ts';
import { permission, type Request } from './certificate.ts';
import type { Signed } from './format.ts';
import { isAccountKey } from './legacy.ts';
import { ownerOf, plainValue } from './packed.ts';
import { signedTexts } from './sign.ts';
import type { Verifier } from './verifier.ts';

/** The value of a field as it is known here, to follow lists of the blocked; undefined when it is not known. */
export type Lookup = (soul: string, key: string) => Promise<Value | undefined>;

/** Undefined when the certificate lets this be written, else the reason. */
export async function refusal(certificate: Signed, owner: string, request: Request, verifier: Verifier, lookup: Lookup | undefined): Promise<string | undefined> {
  // Who could write these would take the account: a rule such as `{'*': 'a'}` is not meant to give that away.
  if (request.soul === `~${owner}` && isAccountKey(request.key)) return 'Certificate verification fail.';
  const allowed = permission(certificate, request);
  if (allowed.err !== undefined) return allowed.err;
  if (!(await signedBy(certificate, owner, verifier))) return 'Certificate verification fail.';
  if (allowed.block === undefined || lookup === undefined) return undefined;
  return (await isBlocked(allowed.block, owner, request.writer, lookup)) ? `Certificant ${request.writer} blocked.` : undefined;
}

async function signedBy({ m, s }: Signed, owner: string, verifier: Verifier): Promise<boolean> {
  for (const text of signedTexts(m)) if (await verifier.check(text, s, owner)) return true;
  return false;
}

/** The list is a node: named by its soul, or by the key of the owner's node that links to it. */
async function isBlocked(place: string, owner: string, writer: string, lookup: Lookup): Promise<boolean> {
  const list = place.startsWith('~') ? place : linkSoul(await plain(`~${owner}`, place, lookup));
  if (list === undefined) return false;
  const mark = await plain(list, writer, lookup);
  return mark === true || mark === 1;
}

/** The field holds this link already. */
export async function leadsTo(soul: string, key: string, value: Value, lookup: Lookup): Promise<boolean> {
  const target = linkSoul(value);
  return target !== undefined && linkSoul(await plain(soul, key, lookup)) === target;
}

async function plain(soul: string, key: string, lookup: Lookup): Promise<Value | undefined> {
  const value = await lookup(soul, key);
  return value === undefined || ownerOf(soul) === undefined ? value : plainValue(soul, key, value);
}
