import { PangeaError } from '../../errors/errors.ts';
import { graphLimits } from '../data/check.ts';
import type { Delta, Field } from '../data/types.ts';
import type { Author, PutOptions } from '../peer/peer.ts';
import { leadsTo, type Lookup, refusal } from './access.ts';
import { encodeBytes } from './bytes.ts';
import { readCertificate } from './certificate.ts';
import { signText } from './ecdsa.ts';
import type { Signed } from './format.ts';
import { type Pair, signingKey, type WebKey } from './keys.ts';
import { checkOwned } from './owned.ts';
import { fieldText, ownerOf, packedText } from './packed.ts';
import type { Verifier } from './verifier.ts';

export interface AuthorOptions {
  readonly pair: Pick<Pair, 'pub' | 'priv'>;
  readonly verifier: Verifier;
  readonly lookup?: Lookup;
}

/**
 * Signs what this process writes to the own graph, and with a certificate (`opt.cert`) what it writes to that of others.
 * Other souls are left alone. Fails with DENIED and GUN's reason where the guard of every other peer would refuse,
 * with TOO_LARGE where the signed text is longer than peers take.
 */
export function createAuthor(options: AuthorOptions): Author {
  let key: Promise<WebKey> | undefined;
  return (deltas, put) => {
    if (deltas.every(({ soul }) => ownerOf(soul) === undefined)) return deltas;
    key ??= signingKey(options.pair);
    const pen: Pen = { ...options, key };
    return Promise.all(deltas.map((delta) => signDelta(delta, put, pen))).then((signed) => {
      const left = signed.filter(({ fields }) => fields.length > 0);
      if (left.length === 0) throw new PangeaError('DENIED', 'Certificate verification fail.');
      return left;
    });
  };
}

interface Pen extends AuthorOptions {
  readonly key: Promise<WebKey>;
}

async function signDelta(delta: Delta, put: PutOptions, pen: Pen): Promise<Delta> {
  const owner = ownerOf(delta.soul);
  if (owner === undefined) return delta;
  const certificate = owner === pen.pair.pub ? undefined : readCertificate(put.opt?.cert);
  const fields = await Promise.all(delta.fields.map((field) => signField(delta.soul, owner, field, certificate, pen)));
  return { soul: delta.soul, fields: fields.filter((field) => field !== undefined) };
}

/** Undefined for a link on the way to what a certificate covers: it is there already, and not this writer's to write again. */
async function signField(soul: string, owner: string, field: Field, certificate: Signed | undefined, pen: Pen): Promise<Field | undefined> {
  const { pair, verifier, lookup } = pen;
  const { key, value, state } = field;
  // Signed elsewhere, e.g. copied from another copy of the graph: kept when it holds for this place and time.
  const verdict = checkOwned(soul, owner, field, verifier, lookup);
  if ((verdict instanceof Promise ? await verdict : verdict).ok) return field;
  const own = owner === pair.pub;
  if (!own) {
    if (!certificate) throw new PangeaError('DENIED', 'Unverified data.');
    const err = await refusal(certificate, owner, { writer: pair.pub, soul, key, value, state }, verifier, lookup);
    if (err !== undefined) {
      if (lookup && (await leadsTo(soul, key, value, lookup))) return undefined;
      throw new PangeaError('DENIED', err);
    }
  }
  const text = fieldText(soul, key, value, state);
  const signature = await signText(text, await pen.key);
  verifier.trust(text, signature, pair.pub);
  const written = packedText({ value, signature: encodeBytes(signature), certificate: own ? undefined : certificate, writer: own ? undefined : pair.pub });
  if (written.length > graphLimits.valueChars) throw new PangeaError('TOO_LARGE', `signed, the value at ${key} has more than ${graphLimits.valueChars} characters`);
  return { key, value: written, state };
}
