import yargs, { type Argv, type Options } from 'yargs';
import { nearestName, settings, type Setting, settingNames } from '../config/config.ts';
import { PangeaError } from '../errors/errors.ts';
import { Arguments, createContext, hideDashes, type Command } from './command.ts';
import { commands } from './commands/commands.ts';
import type { Output } from './output.ts';
import { abortOnSignal } from './signals.ts';

export type Invocation =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'command'; readonly run: (output: Output) => Promise<number | void> };

const general: Readonly<Record<string, Options>> = {
  'data-dir': { type: 'string', requiresArg: true, describe: 'Directory of the node' },
  config: { type: 'string', requiresArg: true, describe: 'TOML file with settings' },
  json: { type: 'boolean', describe: 'Machine-readable output' },
  verbose: { type: 'boolean', describe: 'Log in detail' },
  version: { type: 'boolean', describe: 'Show the version' },
};
const width = 110;

/** Text to print (help, version) or a command to run. Throws `USAGE` or `CONFIG_UNKNOWN_KEY`. */
export async function parseCommandLine(argv: readonly string[]): Promise<Invocation> {
  let chosen: Invocation | undefined;
  let parser = yargs()
    .scriptName('pangea-node')
    .usage('$0 keeps files safe across a network of machines: sealed, cut in 12 shards, any 8 of which give them back.\n\nUsage: $0 [command]')
    .parserConfiguration({
      'parse-numbers': false, 'parse-positional-numbers': false, 'camel-case-expansion': false, 'dot-notation': false, 'greedy-arrays': false,
    })
    .exitProcess(false)
    .wrap(width)
    .version(false)
    .help()
    .alias('h', 'help')
    .strict()
    .demandCommand(0)
    .options(general)
    .epilogue('Try it in a minute: pangea-node dev --nodes 12\nSettings, file and environment: docs/configuration.md')
    .fail((message, error) => {
      throw error ?? refusal(message);
    });
  for (const command of commands) {
    parser = parser.command(
      [command.usage].flat() as string[], command.summary,
      (builder: Argv) => declare(builder, command),
      (values: Record<string, unknown>) => { chosen = { kind: 'command', run: (output) => runCommand(command, values, output) }; },
    );
  }
  let text = '';
  await parser.parseAsync(hideDashes(argv), {}, (error: Error | undefined | null, _values: unknown, printed: string) => {
    if (error) throw error;
    text = printed;
  });
  if (argv.includes('--version')) return { kind: 'text', text: (await import('../node/node.ts')).version };
  if (text !== '') return { kind: 'text', text };
  if (chosen === undefined) throw new PangeaError('USAGE', 'no such command: "pangea-node --help" lists all');
  return chosen;
}

function settingsOf(command: Command): readonly string[] {
  return command.settings === 'all' ? settingNames : ['data-dir'];
}

function declare(parser: Argv, command: Command): Argv {
  for (const name of settingsOf(command)) {
    const { type, default: fallback, absent, alone, description } = settings[name as keyof typeof settings] as Setting<unknown>;
    const shown = absent ?? type.show(fallback);
    parser.option(name, {
      type: type.flag === true ? 'boolean' : type.list === true ? 'array' : 'string',
      ...(type.flag === true ? {} : { requiresArg: alone === undefined, string: true }),
      describe: description, defaultDescription: shown, group: 'Settings:',
    });
  }
  for (const [name, { describe, array }] of Object.entries(command.positionals ?? {})) {
    parser.positional(name, { type: 'string', describe, ...(array === true ? { array: true } : {}) });
  }
  parser.options({ ...command.options });
  for (const [example, what] of command.examples) parser.example(`$0 ${example}`, what);
  return parser;
}

function runCommand(command: Command, values: Record<string, unknown>, output: Output): Promise<number | void> {
  const { signal, done } = abortOnSignal(command.handlesSignals !== true);
  return command.run(createContext(new Arguments(values), settingsOf(command), output, signal)).finally(done);
}

/** yargs' complaint as an error of ours, with the nearest known name. */
function refusal(message: string): PangeaError {
  const [line = 'not understood', detail] = message.split('\n').map((part) => part.trim()).filter((part) => part !== '');
  const unknown = /^Unknown arguments?: (.+)$/.exec(line)?.[1]?.split(', ')[0];
  if (unknown === undefined) return new PangeaError('USAGE', line.endsWith(':') && detail !== undefined ? `${line} ${detail}` : `${line}: see --help`);
  const words = commands.flatMap(({ usage }) => [usage].flat()).map((usage) => usage.split(' ')[0] as string).filter((word) => word !== '$0');
  const flags = [...settingNames, ...Object.keys(general), ...commands.flatMap(({ options }) => Object.keys(options ?? {}))];
  const flag = process.argv.some((argument) => argument.startsWith(`--${unknown}`) || argument === `-${unknown}`);
  const near = nearestName(unknown, flag ? flags : words);
  const shown = flag ? `--${unknown}` : unknown;
  const hint = near === undefined ? 'see --help' : `did you mean ${flag ? '--' : ''}${near}?`;
  return flag
    ? new PangeaError('CONFIG_UNKNOWN_KEY', `unknown flag ${shown}: ${hint}`, { data: { key: unknown, ...(near === undefined ? {} : { nearest: near }) } })
    : new PangeaError('USAGE', `unknown command or argument ${shown}: ${hint}`);
}
