/** One field of a user's node: is it signed by who may write it? Asked by the guard, and by the author for what is signed already. */
import type { Field, Value } from '../data/types.ts';
import type { GuardVerdict } from '../peer/peer.ts';
import { type Lookup, refusal } from './access.ts';
import type { Request } from './certificate.ts';
import { isPub } from './keys.ts';
import { fitsAccount, readUnbound } from './legacy.ts';
import { fieldText, isTight, type Packed, readLegacy, readPacked } from './packed.ts';
import { verify } from './sign.ts';
import type { Verifier } from './verifier.ts';

export type Verdict = GuardVerdict | Promise<GuardVerdict>;

export const passed: GuardVerdict = { ok: true };
const unverified = refused('Unverified data.');

/** At once where no signature has to be computed. */
export function checkOwned(soul: string, owner: string, { key, value, state }: Field, verifier: Verifier, lookup: Lookup | undefined): Verdict {
  if (!isPub(owner)) return unverified;
  if (key === 'pub' && soul === `~${owner}`) return value === owner ? passed : refused('Account not same!');
  const packed = readPacked(value);
  if (!packed) return checkLegacy(soul, owner, key, value, state);
  if (!isTight(value as string, packed, owner)) return unverified;
  const writer = packed.writer ?? owner;
  // Nobody writes for another without a certificate: SEA lets that pass.
  if (writer !== owner && !packed.certificate) return unverified;
  const good = verifier.check(fieldText(soul, key, packed.value, state), packed.signature, writer);
  if (good === false) return unverified;
  if (writer === owner) return good === true ? passed : good.then((is) => (is ? passed : unverified));
  return checkCertified(packed, good, owner, { writer, soul, key, value: packed.value, state }, verifier, lookup);
}

async function checkCertified(packed: Packed, good: boolean | Promise<boolean>, owner: string, request: Request, verifier: Verifier, lookup: Lookup | undefined): Promise<GuardVerdict> {
  if (!packed.certificate || !(await good)) return unverified;
  const err = await refusal(packed.certificate, owner, request, verifier, lookup);
  return err === undefined ? passed : refused(err);
}

/** Fields of before 2019: bound to their place, or what an account of that time cannot do without. */
function checkLegacy(soul: string, owner: string, key: string, value: Value, state: number): Verdict {
  const bound = readLegacy(value, soul, key, state);
  const signed = bound ? bound.signed : readUnbound(value, soul, owner, key, state);
  if (!signed) return unverified;
  return verify(signed, owner).then((message) => (message !== undefined && (bound || fitsAccount(key, message)) ? passed : unverified));
}

export function refused(err: string): GuardVerdict {
  return { ok: false, err, violation: 'signature' };
}
