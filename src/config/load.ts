import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { PangeaError } from '../errors/errors.ts';
import { nearestName } from './nearest.ts';
import { environmentNameOf, propertyOf, settingNames, settings, type NodeConfig, type SettingName } from './table.ts';
import type { Setting } from './setting.ts';

export interface ConfigSources {
  /** Flags by setting name; text, a list of texts, or a boolean. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** `--config`. Without it `PANGEA_CONFIG`, then `config.toml` in the data directory if there is one. */
  readonly file?: string | undefined;
}

export interface LoadedConfig {
  readonly config: NodeConfig;
  /** The file that was read. */
  readonly file: string | undefined;
}

interface Given {
  readonly raw: unknown;
  /** Ends the sentence "… in": a file with its line, the environment variable, the flag. */
  readonly origin: string;
}
type Source = ReadonlyMap<SettingName, Given>;

/** Variables with our prefix that are not settings. */
const reservedVariables = new Set(['PANGEA_CONFIG', 'PANGEA_NATIVE', 'PANGEA_NATIVE_OUT']);
/** What container platforms set by themselves for a service called `pangea…`. */
const platformVariable = /^PANGEA_(.+_)?(SERVICE_(HOST|PORT).*|PORT(_\d+_(TCP|UDP).*)?)$/;
const maxFileBytes = 1024 * 1024;

/** Throws `CONFIG_UNKNOWN_KEY` or `CONFIG_INVALID`, naming the key, the value, the place and what was expected. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const flags = fromFlags(sources.flags ?? {});
  const environment = fromEnvironment(sources.environment ?? {});
  const dataDir = value('data-dir', [environment, flags]) as string;
  const asked = sources.file ?? sources.environment?.['PANGEA_CONFIG'];
  const implied = join(dataDir, 'config.toml');
  const text = readConfigFile(asked ?? implied, asked !== undefined);
  const file = text === undefined ? undefined : fromToml(text, asked ?? implied);
  if (asked === undefined && file?.has('data-dir') === true) {
    throw new PangeaError('CONFIG_INVALID', `data-dir in ${implied}: a file inside the data directory cannot move it, remove the line`);
  }
  const order = [...(file === undefined ? [] : [file]), environment, flags];
  const config = Object.fromEntries(settingNames.map((name) => [propertyOf(name), value(name, order)])) as unknown as NodeConfig;
  const resolved = { ...config, dataDir: resolve(config.dataDir) };
  checkTogether(resolved);
  return { config: Object.freeze(resolved), file: file === undefined ? undefined : (asked ?? implied) };
}

function fromFlags(flags: Readonly<Record<string, unknown>>): Source {
  const given = Object.entries(flags).filter(([, raw]) => raw !== undefined);
  return new Map(given.map(([name, raw]) => [known(name, `--${name}`, '', (near) => `--${near}`), { raw, origin: `--${name}` }]));
}

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Source {
  const found = new Map<SettingName, Given>();
  for (const [variable, raw] of Object.entries(environment)) {
    if (!variable.startsWith('PANGEA_') || raw === undefined) continue;
    if (reservedVariables.has(variable)) continue;
    const name = variable.slice('PANGEA_'.length).toLowerCase().replaceAll('_', '-');
    if (!(name in settings) && platformVariable.test(variable)) continue;
    found.set(known(name, variable, ' in the environment', environmentNameOf), { raw, origin: variable });
  }
  return found;
}

function readConfigFile(path: string, required: boolean): string | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > maxFileBytes) throw new PangeaError('CONFIG_INVALID', `${path} has more than ${maxFileBytes} bytes`);
    return text;
  } catch (error) {
    if (error instanceof PangeaError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (!required && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    throw new PangeaError('CONFIG_INVALID', `the configuration file ${path} cannot be read (${code})`, { cause: error });
  }
}

function fromToml(text: string, path: string): Source {
  let table: Record<string, unknown>;
  try {
    table = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '') ?? '';
    throw new PangeaError('CONFIG_INVALID', `${path}:${error.line}:${error.column}: not TOML: ${reason}`, { cause: error });
  }
  const found = new Map<SettingName, Given>();
  for (const [name, raw] of Object.entries(table)) {
    const origin = `${path}${lineOf(text, name)}`;
    found.set(known(name, name, ` in ${origin}`, (near) => near), { raw, origin });
  }
  return found;
}

/** `:LINE` of a top-level key or table, or nothing when it is written in a way that this does not find. */
function lineOf(text: string, key: string): string {
  const lines = text.split('\n').map((line) => line.trim().replace(/^\[+\s*/, '').replaceAll(/["']/g, ''));
  const index = lines.findIndex((line) => line.startsWith(key) && /^\s*[=\].]/.test(line.slice(key.length)));
  return index < 0 ? '' : `:${index + 1}`;
}

function known(name: string, shown: string, where: string, spell: (near: string) => string): SettingName {
  if (Object.hasOwn(settings, name)) return name as SettingName;
  const near = nearestName(name, settingNames);
  const hint = near === undefined ? 'docs/configuration.md lists all' : `did you mean ${spell(near)}?`;
  throw new PangeaError('CONFIG_UNKNOWN_KEY', `unknown setting ${shown}${where}: ${hint}`, {
    data: { key: name, ...(near === undefined ? {} : { nearest: near }) },
  });
}

/** The strongest source's value. Weaker ones are read too, so that a mistake does not hide until a flag is dropped. */
function value(name: SettingName, order: readonly Source[]): unknown {
  const { type, default: fallback } = settings[name] as Setting<unknown>;
  let result = fallback;
  for (const source of order) {
    const given = source.get(name);
    if (given === undefined) continue;
    const parsed = type.parse(given.raw);
    if (parsed === undefined) {
      const shown = JSON.stringify(given.raw) ?? String(given.raw);
      const origin = given.origin === `--${name}` ? '' : ` (${given.origin})`;
      throw new PangeaError('CONFIG_INVALID', `${name} = ${shown.slice(0, 120)}${origin}: expected ${type.expected}`, {
        data: { key: name, value: shown, expected: type.expected },
      });
    }
    result = parsed;
  }
  return typeof result === 'object' && result !== null ? Object.freeze(result) : result;
}

function checkTogether(config: NodeConfig): void {
  if (config.compressionMin > config.compressionMax) {
    throw new PangeaError('CONFIG_INVALID',
      `compression-min = ${config.compressionMin}: expected no more than compression-max (${config.compressionMax})`);
  }
}
