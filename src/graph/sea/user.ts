/** `gun.user()` with GUN's call forms: a session, and the chain of whoever is logged in. */
import { type ErrorCode, isPangeaError } from '../../errors/errors.ts';
import type { Sea } from './gun-forms.ts';
import { isPair, type Pair } from './keys.ts';
import type { Identity, Session } from './session.ts';

/** The part of a chain that a user stands on. */
export interface Chain {
  get(key: string): Chain;
}

/** What callbacks of `auth` get: GUN's insides of the user, as far as programs look at them. */
export interface Acknowledged {
  readonly err?: string;
  readonly wait?: true;
  readonly ok?: number;
  readonly pub?: string;
  readonly soul?: string;
  readonly get?: string;
  readonly is?: Identity;
  readonly sea?: Pair;
}

type Answer = (ack: Acknowledged) => void;

/** Callbacks, options, alias, password and pair are told apart by what they are, as in GUN: they may stand anywhere. */
type Arguments = readonly unknown[];

export interface UserWords {
  is: Identity | undefined;
  /** `sea` may be set, which logs in. */
  readonly _: { sea: Pair | undefined; readonly soul: string | undefined; readonly opt: Record<string, unknown> };
  create(...args: unknown[]): unknown;
  auth(...args: unknown[]): unknown;
  leave(): unknown;
  recall(options?: { readonly sessionStorage?: unknown } | null, cb?: Answer): unknown;
  delete(alias: string, password: string, cb?: Answer): unknown;
  /** Looks at the keys of the session, so that it shows nothing once that is over. */
  pair(): Pair;
}

/** A soul of the form of users' that nobody's key can be: reads find nothing, writes are refused. */
const nobody = '~.';

export interface UserOptions<C extends Chain> {
  readonly root: C;
  readonly session: Session;
  readonly sea: Sea;
  /** Told of errors when there is no callback. Default: nobody. */
  readonly log?: (text: string) => void;
}

/** The words above, and all others from the chain of the own node. */
export function createUser<C extends Chain>({ root, session, sea, log = () => undefined }: UserOptions<C>): C & UserWords {
  const answered = (run: Promise<Identity>, cb: Answer | undefined, ack: (who: Identity) => Acknowledged): void => {
    run.then((who) => cb?.(ack(who)), (error: unknown) => {
      const refused = refusalOf(error);
      sea.err = refused.err;
      if (cb) cb(refused);
      else log(refused.err ?? '');
    });
  };
  const entered = (who: Identity): Acknowledged => ({ ok: 1, soul: `~${who.pub}`, get: `~${who.pub}`, pub: who.pub, is: who, ...(session.pair ? { sea: session.pair } : {}) });

  const words: UserWords = {
    get is() {
      return session.is;
    },
    // GUN's own programs write it; the keys beside it say who is logged in.
    set is(_who) {},
    _: {
      get sea() {
        return session.pair;
      },
      set sea(pair) {
        if (isPair(pair)) session.use(pair);
        else session.leave();
      },
      get soul() {
        return session.soul;
      },
      opt: {},
    },
    create: (...args) => {
      const { alias, password, pair, cb, options } = read(args);
      // With a callback programs call `auth` there, which tells of the login.
      const quiet = cb !== undefined;
      const run = pair ? session.createFrom(pair, { quiet }) : session.create(alias ?? '', password ?? '', { already: Boolean(options.already), quiet });
      answered(run, cb, (who) => ({ ok: 0, pub: who.pub }));
      return user;
    },
    auth: (...args) => {
      const { alias, password, pair, cb, options, pub } = read(args);
      const change = typeof options.change === 'string' ? { change: options.change } : {};
      if (session.busy) cb?.({ err: 'User is already being created or authenticated!', wait: true });
      // With keys there is nothing to wait for: who is logged in on the next line.
      else if (pair) {
        const who = session.use(pair, alias);
        cb?.(entered(who));
      } else answered(session.auth(pub === undefined ? (alias ?? '') : { pub }, password ?? '', change), cb, entered);
      return user;
    },
    leave: () => {
      session.leave();
      return user;
    },
    recall: (options, cb) => {
      const who = options?.sessionStorage ? session.recall() : undefined;
      if (who) cb?.(entered(who));
      return user;
    },
    delete: (alias, password, cb) => {
      answered(session.auth(alias, password).then(async (who) => {
        await session.remove();
        return who;
      }), cb, () => ({ ok: 0 }));
      return user;
    },
    pair: () => new Proxy({} as Pair, { get: (_, name) => (session.pair as Record<string | symbol, unknown> | undefined)?.[name] }),
  };

  const user = new Proxy(words as C & UserWords, {
    get: (_, name) => {
      if (name in words) return Reflect.get(words, name) as unknown;
      const here = root.get(session.soul ?? nobody) as unknown as Record<string | symbol, unknown>;
      const found = here[name];
      return typeof found === 'function' ? (found.bind(here) as unknown) : found;
    },
    has: (_, name) => name in words || name in root,
  });
  return user;
}

function read(args: Arguments): { alias: string | undefined; password: string | undefined; pair: Pair | undefined; pub: string | undefined; cb: Answer | undefined; options: Record<string, unknown> } {
  const [first, second] = args;
  const keys = [first, second].find((arg) => typeof arg === 'object' && arg !== null && ('pub' in arg || 'epub' in arg)) as Partial<Pair> | undefined;
  const last = args.at(-1);
  return {
    alias: typeof first === 'string' ? first : undefined,
    password: typeof second === 'string' ? second : undefined,
    pair: isPair(keys) ? keys : undefined,
    pub: keys?.pub,
    cb: args.find((arg) => typeof arg === 'function') as Answer | undefined,
    options: args.length > 1 && typeof last === 'object' && last !== null && last !== keys ? (last as Record<string, unknown>) : {},
  };
}

function refusalOf(error: unknown): Acknowledged {
  const busy: ErrorCode = 'TOO_MANY';
  const err = error instanceof Error ? error.message : String(error);
  return isPangeaError(error, busy) ? { err, wait: true } : { err };
}
