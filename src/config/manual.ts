import { environmentNameOf, settingNames, settings } from './table.ts';
import type { Setting } from './setting.ts';

/** The text of `docs/configuration.md`. */
export function configurationManual(): string {
  const sections = settingNames.map((name) => {
    const { type, default: fallback, absent, alone, live, description } = settings[name] as Setting<unknown>;
    const value = absent ?? `\`${type.show(fallback)}\``;
    const flag = type.flag === true ? `\`--${name}\` / \`--no-${name}\`` : `\`--${name}\``;
    return [
      `### ${name}`,
      description,
      `- Flag ${flag}${type.list === true ? ' (repeatable)' : ''}${alone === undefined ? '' : ` (alone: \`${alone}\`)`}, environment \`${environmentNameOf(name)}\``,
      `- Takes ${type.expected}`,
      `- Default: ${value}`,
      ...(live === true ? ['- A running node takes a new value over on SIGHUP'] : []),
    ].join('\n');
  });
  return `${introduction}\n${sections.join('\n\n')}\n`;
}

const introduction = `# Configuration

This page is written from the table in \`src/config/table.ts\`; \`npm test\` compares the two.

A setting has one name in three spellings: \`p2p-addr\` in the TOML file, \`PANGEA_P2P_ADDR\` in the environment,
\`--p2p-addr\` on the command line. Flags win over the environment, the environment over the file.

The file is the one given by \`--config FILE\`, else by \`PANGEA_CONFIG\`, else \`config.toml\` in the data directory if
there is one. Settings stand at its top level:

\`\`\`toml
p2p-addr = ":9090"
dht-addr = ":9091"
allow = ["10.0.0.0/8"]
quota = "200GiB"
repair-grace = "30m"
\`\`\`

Sizes take a unit (KiB, MiB, GiB, TiB are powers of 1024; a single letter means the same; kB, MB, GB of 1000); times need
one (ms, s, m, h, d). Lists are arrays in the file, separated by commas in the environment, and repeated as flags.
An unknown name is an error that names the nearest known one, so a slip never goes unnoticed.

On SIGHUP a running node reads file and environment again, takes over what it can, and says what needs a restart.

## Settings
`;
