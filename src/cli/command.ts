import type { Options } from 'yargs';
import { loadConfig, settings as table, type NodeConfig, type Setting } from '../config/config.ts';
import { connectNode, type LocalNode } from '../control/control.ts';
import type { Output } from './output.ts';

/** What a command works with. */
export interface Context {
  /** Positionals and options by name, as typed. */
  readonly args: Arguments;
  readonly output: Output;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Reads file, environment and flags anew. */
  config(): NodeConfig;
  /** The running node of the data directory. */
  node(): LocalNode;
}

export interface Command {
  /** yargs' own notation: `get [link]`. */
  readonly usage: string | readonly string[];
  readonly summary: string;
  /** Which settings of the node are flags of this command; every command has `--data-dir`. */
  readonly settings?: 'all';
  readonly positionals?: Readonly<Record<string, { readonly describe: string; readonly array?: true }>>;
  readonly options?: Readonly<Record<string, Options>>;
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Signals are the command's own business: no abort at Ctrl-C. */
  readonly handlesSignals?: true;
  run(context: Context): Promise<number | void>;
}

/** What stands for a lone `-` while yargs looks at the words: it takes one for an option without a name. */
const dash = '\u0001dash';
export const hideDashes = (argv: readonly string[]): string[] => argv.map((word) => (word === '-' ? dash : word));

export class Arguments {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** The last one given wins, as usual; `undefined` when none was. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    const last: unknown = Array.isArray(value) ? value.at(-1) : value;
    return last === undefined ? undefined : last === dash ? '-' : String(last);
  }

  /** All that were given, in their order. */
  list(name: string): readonly string[] {
    return [this.#values[name] ?? []].flat().map((value) => (value === dash ? '-' : String(value)));
  }

  /** For options that yargs demands. */
  required(name: string): string {
    return this.text(name) as string;
  }

  flag(name: string): boolean {
    const value = this.#values[name];
    return (Array.isArray(value) ? value.at(-1) : value) === true;
  }

  /** Values of the node's settings among the arguments, for `loadConfig`. Of a setting that is no list the last one given wins. */
  pick(names: readonly string[]): Record<string, unknown> {
    const picked = names.map((name): [string, unknown] => {
      const value = this.#values[name];
      const { type, alone } = table[name as keyof typeof table] as Setting<unknown>;
      const given = Array.isArray(value) && type.list !== true ? (value as unknown[]).at(-1) : value;
      return [name, given === '' && alone !== undefined ? alone : given];
    });
    return Object.fromEntries(picked.filter(([, value]) => value !== undefined));
  }
}

export function createContext(args: Arguments, settings: readonly string[], output: Output, signal: AbortSignal): Context {
  const config = (): NodeConfig => {
    const flags = args.pick(settings);
    if (args.flag('verbose')) flags['log-level'] = 'debug';
    return loadConfig({ flags, environment: process.env, file: args.text('config') }).config;
  };
  return { args, output, signal, config, node: () => connectNode(config().dataDir) };
}
