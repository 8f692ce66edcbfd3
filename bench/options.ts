/** The command line of the benchmarks. `pangea-node bench --help` teaches it; this refuses what it does not know. */
import { parseArgs } from 'node:util';
import { PangeaError } from '../src/errors/errors.ts';

/** What each word measures, in this order. `transport` and `put-get` are the two halves of `net`; `dht`, `rpc` and `graph` want rivals, so they are in no other. */
export const parts = { ces: ['ces'], store: ['store'], net: ['net'], all: ['ces', 'store', 'net'], transport: ['transport'], 'put-get': ['put-get'], dht: ['dht'], rpc: ['rpc'], graph: ['graph'] } as const;
export type Bench = (typeof parts)[keyof typeof parts][number];

export interface RunOptions {
  readonly benches: readonly Bench[];
  readonly json: boolean;
  readonly smoke: boolean;
  readonly seed: number;
  readonly rounds: number | undefined;
  /** Ids of rivals; all that are installed when none is named, none for `none`. */
  readonly against: readonly string[] | undefined;
  readonly out: string | undefined;
  readonly record: boolean;
  /** Two records to set side by side instead of measuring. */
  readonly compare: readonly [string, string] | undefined;
  /** Where the disk is measured. */
  readonly directory: string | undefined;
}

const maxRounds = 1_000;

/** Throws `USAGE`. */
export function parseRunOptions(argv: readonly string[]): RunOptions {
  const { values, positionals } = read(argv);
  const compare = values.compare === undefined ? undefined : [values.compare, ...positionals];
  if (compare !== undefined && compare.length !== 2) throw new PangeaError('USAGE', `--compare takes two files: bench --compare A.json B.json`);
  const words = compare !== undefined ? [] : positionals.length === 0 ? ['ces'] : positionals;
  const unknown = words.find((word) => !Object.hasOwn(parts, word));
  if (unknown !== undefined) throw new PangeaError('USAGE', `there is no bench ${unknown}: there are ${Object.keys(parts).join(', ')}`);
  const against = values.against?.flatMap((names) => names.split(',')).filter((name) => name !== '');
  return {
    benches: [...new Set(words.flatMap((word) => parts[word as keyof typeof parts] as readonly Bench[]))],
    json: values.json === true, smoke: values.smoke === true, record: values.record === true,
    seed: whole('seed', values.seed, 0, 2 ** 32 - 1) ?? 1,
    rounds: whole('rounds', values.rounds, 1, maxRounds),
    against: against?.includes('none') === true ? [] : against,
    out: values.out, compare: compare as [string, string] | undefined, directory: values.dir,
  };
}

function read(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv], allowPositionals: true,
      options: {
        json: { type: 'boolean' }, smoke: { type: 'boolean' }, record: { type: 'boolean' }, seed: { type: 'string' }, rounds: { type: 'string' },
        against: { type: 'string', multiple: true }, out: { type: 'string' }, compare: { type: 'string' }, dir: { type: 'string' },
      },
    });
  } catch (cause) {
    throw new PangeaError('USAGE', (cause as Error).message, { cause });
  }
}

function whole(name: string, text: string | undefined, from: number, to: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= from && value <= to) return value;
  throw new PangeaError('USAGE', `--${name} ${text}: expected a number from ${from} to ${to}`);
}
