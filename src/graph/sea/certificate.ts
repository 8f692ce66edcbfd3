/**
 * Certificates: signed by the owner of a graph, they let others write into parts of it. `c` who, `e` until which state,
 * `w` where (path and key), `wb` where the blocked are listed; `r` and `rb` name readers, which no writer can check.
 */
import { PangeaError } from '../../errors/errors.ts';
import { matches } from '../data/lex.ts';
import type { Lex, Value } from '../data/types.ts';
import { linkSoul } from '../data/value.ts';
import { asSigned, parseSea, type Signed } from './format.ts';
import type { Named, Pair } from './keys.ts';
import { sign } from './sign.ts';

/** A rule over the path below the owner's soul (`#`), the key (`.`), or both as `path/key`; `+` asks for the writer's key in them. */
export interface Rule extends Lex {
  readonly '#'?: string | Lex;
  readonly '.'?: string | Lex;
  readonly '+'?: string;
}

export type Policy = string | Rule | readonly (string | Rule)[];

export interface CertifyOptions {
  /** Milliseconds since 1970: later states are not covered. */
  readonly expiry?: number | string;
  /** Soul, or key of the owner's node, where `writer: true` blocks a writer. GUN's older names for it: blacklist, ban. */
  readonly block?: Block;
  readonly blacklist?: Block;
  readonly ban?: Block;
}

type Block = string | { readonly read?: unknown; readonly write?: unknown };

/** Longer texts are no rule. */
const maxRuleChars = 4_096;
const maxRules = 256;
const maxCertificants = 10_000;
const texts = ['=', '*', '>', '<'] as const;
const conditions = ['+', '#', '.', ...texts] as const;

/** Fails with USAGE when it names nobody or nothing or expires at no time, with NO_KEY without the authority's pair. */
export async function certify(
  certificants: Named | readonly Named[],
  policy: Policy | { readonly read?: Policy; readonly write?: Policy },
  authority: Pick<Pair, 'pub' | 'priv'>,
  options: CertifyOptions = {},
): Promise<Signed> {
  const who = certified(certificants);
  if (who === undefined) throw new PangeaError('USAGE', 'No certificant found.');
  const { read, write } = policies(policy);
  if (read === undefined && write === undefined) throw new PangeaError('USAGE', 'No policy found.');
  const block = options.block ?? options.blacklist ?? options.ban;
  const writeBlock = typeof block === 'string' ? block : blockPlace(block?.write);
  const readBlock = typeof block === 'string' ? undefined : blockPlace(block?.read);
  const data = {
    c: who,
    ...expiryOf(options.expiry),
    ...(read === undefined ? {} : { r: read }),
    ...(write === undefined ? {} : { w: write }),
    ...(readBlock === undefined ? {} : { rb: readBlock }),
    ...(writeBlock === undefined ? {} : { wb: writeBlock }),
  };
  return sign(data, authority);
}

export interface Request {
  readonly writer: string;
  readonly soul: string;
  readonly key: string;
  readonly value: Value;
  readonly state: number;
}

/** What a certificate says of a write: the reason against it, or where to look whether the writer is blocked. */
export type Permission = { readonly err: string } | { readonly err: undefined; readonly block: string | undefined };

const denied: Permission = { err: 'Certificate verification fail.' };

/** The content of a certificate whose signature is checked by the caller. */
export function permission(certificate: Signed, request: Request): Permission {
  const terms = parseSea(certificate.m);
  if (typeof terms !== 'object' || terms === null) return denied;
  const { c, e, w, wb } = terms as Readonly<Record<string, unknown>>;
  if (e !== undefined && !(request.state <= Number.parseFloat(String(e)))) return { err: 'Certificate expired.' };
  const named = c === '*' || c === request.writer || (Array.isArray(c) && c.length <= maxCertificants && (c.includes(request.writer) || c.includes('*')));
  if (!named) return denied;
  // Below the owner: in `a/inbox~owner` there is no path, since `inbox` was never meant to cover it.
  const slash = request.soul.indexOf('/', request.soul.indexOf('~'));
  const path = slash < 0 ? '' : request.soul.slice(slash + 1);
  const rules: readonly unknown[] = Array.isArray(w) ? w.slice(0, maxRules) : [w];
  const rule = rules.find((each) => covers(each, path, request.key));
  if (rule === undefined) return denied;
  if (mustNameWriter(rule) && !path.includes(request.writer) && !request.key.includes(request.writer) && !isBranch(path, request)) {
    return { err: `Path "${path}" or key "${request.key}" must contain string "${request.writer}".` };
  }
  return { err: undefined, block: blockPlace(wb) };
}

/** A certificate as programs hand it over: text or object. */
export function readCertificate(certificate: unknown): Signed | undefined {
  return asSigned(parseSea(certificate));
}

function covers(rule: unknown, path: string, key: string): boolean {
  const whole = path === '' ? key : `${path}/${key}`;
  if (typeof rule === 'string') return whole === rule;
  if (typeof rule !== 'object' || rule === null) return false;
  const { '#': ofPath, '.': ofKey } = rule as Readonly<Record<string, unknown>>;
  if (!ofPath && !ofKey) return fits(whole, rule);
  if (!ofKey) return fits(path, ofPath) || fits(whole, ofPath);
  return (!ofPath || fits(path, ofPath)) && fits(key, ofKey);
}

function fits(text: string, lex: unknown): boolean {
  if (typeof lex === 'string') return text === lex;
  if (typeof lex !== 'object' || lex === null) return false;
  const read: Record<string, string> = {};
  for (const [condition, value] of Object.entries(lex)) {
    if (!(texts as readonly string[]).includes(condition)) continue;
    if (typeof value !== 'string' || value.length > maxRuleChars) return false;
    read[condition] = value;
  }
  return matches(text, read);
}

function mustNameWriter(rule: unknown): boolean {
  const mark = typeof rule === 'object' && rule !== null ? (rule as { readonly '+'?: unknown })['+'] : undefined;
  return typeof mark === 'string' && mark.includes('*');
}

/** The links from the owner's node down to a path hold nothing but the path itself; everyone who may write below needs them. */
function isBranch(path: string, { soul, key, value }: Request): boolean {
  return path === '' && linkSoul(value) === `${soul}/${key}`;
}

function blockPlace(place: unknown): string | undefined {
  if (typeof place === 'string') return place === '' ? undefined : place;
  return linkSoul(place);
}

/** None, and 0 as in SEA, is for ever; what was meant as a time and is none must not be. */
function expiryOf(given: unknown): { readonly e?: number } {
  if (given === undefined || given === null || given === 0 || given === '') return {};
  const e = typeof given === 'string' ? Number(given) : given;
  if (typeof e !== 'number' || !Number.isFinite(e)) throw new PangeaError('USAGE', 'expiry is a time in milliseconds since 1970');
  return { e };
}

function certified(who: Named | readonly Named[]): string | string[] | undefined {
  if (typeof who === 'string') return who.includes('*') ? '*' : who === '' ? undefined : who;
  if (!Array.isArray(who)) return (who as { pub?: string } | undefined)?.pub;
  const pubs = (who as readonly Named[]).map((each) => (typeof each === 'string' ? each : each.pub)).filter((pub) => typeof pub === 'string' && pub !== '');
  if (pubs.includes('*')) return '*';
  return pubs.length > 1 ? pubs : pubs[0];
}

function policies(policy: Policy | { readonly read?: Policy; readonly write?: Policy }): { readonly read: Policy | undefined; readonly write: Policy | undefined } {
  if (typeof policy === 'string') return { read: undefined, write: policy === '' ? undefined : policy };
  if (Array.isArray(policy)) return { read: undefined, write: policy.length === 0 ? undefined : (policy as Policy) };
  const { read, write } = policy as { readonly read?: Policy; readonly write?: Policy };
  const direct = conditions.some((condition) => Object.hasOwn(policy, condition)) ? (policy as Policy) : undefined;
  return { read: read ?? undefined, write: write ?? direct };
}
