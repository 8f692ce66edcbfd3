/**
 * The rules of souls that defend themselves, checked on every write, whoever brings it and however old it is:
 * `~pub…` only with the owner's signature or certificate, `~@alias` only links to accounts, souls with `#` only values that
 * their key is the hash of, `<?seconds` only what is younger. All other souls are everybody's, unless `secure`.
 */
import type { Clock } from '../../std/std.ts';
import type { Delta, Field } from '../data/types.ts';
import { linkSoul } from '../data/value.ts';
import type { Guard, GuardVerdict } from '../peer/peer.ts';
import type { Lookup } from './access.ts';
import { encodeBytes } from './bytes.ts';
import { digest } from './ecdsa.ts';
import { isWellFormed } from './format.ts';
import { isPub } from './keys.ts';
import { checkOwned, passed, refused, type Verdict } from './owned.ts';
import { ownerOf } from './packed.ts';
import { Verifier } from './verifier.ts';

export interface GuardOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Shared with the author, so that nothing is checked twice. */
  readonly verifier?: Verifier;
  /** Without it, lists of the blocked in certificates are not followed. */
  readonly lookup?: Lookup;
  /** Refuses all souls that nobody owns. */
  readonly secure?: boolean;
}

const aliasesSoul = '~@';
const wrongHash: GuardVerdict = { ok: false, err: 'Data hash not same as hash!', violation: 'content-hash' };

export function createGuard(options: GuardOptions): Guard {
  const verifier = options.verifier ?? new Verifier();

  return (delta) => {
    const kept = withoutExpired(delta, options.clock);
    const check = checkOf(delta.soul, options, verifier);
    if (!check) return kept === delta ? passed : { ok: true, delta: kept };
    const verdict = all(kept.fields, check);
    if (kept === delta) return verdict;
    const narrowed = (each: GuardVerdict): GuardVerdict => (each.ok ? { ok: true, delta: kept } : each);
    return verdict instanceof Promise ? verdict.then(narrowed) : narrowed(verdict);
  };
}

/** Undefined for souls where everything is let pass. */
function checkOf(soul: string, options: GuardOptions, verifier: Verifier): ((field: Field) => Verdict) | undefined {
  if (soul.startsWith(aliasesSoul)) return (field) => checkAlias(soul, field);
  const owner = ownerOf(soul);
  if (owner !== undefined) return (field) => checkOwned(soul, owner, field, verifier, options.lookup);
  if (soul.includes('#')) return checkHash;
  return options.secure === true ? refuseOpen : undefined;
}

function all(fields: readonly Field[], check: (field: Field) => Verdict): Verdict {
  const waiting: Promise<GuardVerdict>[] = [];
  for (const field of fields) {
    const verdict = check(field);
    if (verdict instanceof Promise) waiting.push(verdict);
    else if (!verdict.ok) return verdict;
  }
  if (waiting.length === 0) return passed;
  return Promise.all(waiting).then((verdicts) => verdicts.find((verdict) => !verdict.ok) ?? passed);
}

/** `~@` lists aliases, `~@alias` the accounts that chose it: each field is a link to what its key says. */
function checkAlias(soul: string, { key, value }: Field): GuardVerdict {
  if (value === null || value === '') return refused(soul === aliasesSoul ? 'Data must exist!' : 'Alias must exist!');
  if (soul === aliasesSoul) return linkSoul(value) === aliasesSoul + key ? passed : refused('Alias not same!');
  return linkSoul(value) === key && key.startsWith('~') && isPub(key.slice(1)) ? passed : refused('Alias not same!');
}

/** The key is the hash of the value, or ends in `#` and the hash: base64 or hexadecimal. */
function checkHash({ key, value }: Field): Verdict {
  const named = key.slice(key.lastIndexOf('#') + 1);
  const compare = (hash: Uint8Array): GuardVerdict =>
    named === encodeBytes(hash) || named.toLowerCase() === encodeBytes(hash, 'hex') ? passed : wrongHash;
  if (typeof value === 'string' && !isWellFormed(value)) return wrongHash;
  const hash = digest(typeof value === 'string' ? value : JSON.stringify(value));
  return hash instanceof Promise ? hash.then(compare) : compare(hash);
}

function refuseOpen({ key }: Field): GuardVerdict {
  return { ok: false, err: `Soul missing public key at '${key}'.`, violation: 'value' };
}

/** Fields older than a `<?seconds` soul keeps are left out without blame: a peer whose clock is behind brings them in good faith. */
function withoutExpired(delta: Delta, clock: Pick<Clock, 'nowMs'>): Delta {
  const mark = delta.soul.indexOf('<?');
  if (mark < 0) return delta;
  const seconds = Number.parseFloat(delta.soul.slice(mark + 2));
  if (!(seconds > 0)) return delta;
  const oldest = clock.nowMs() - seconds * 1_000;
  const fields = delta.fields.filter((field) => field.state >= oldest);
  return fields.length === delta.fields.length ? delta : { soul: delta.soul, fields };
}
