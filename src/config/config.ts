/**
 * The configuration: one table (`table.ts`), three sources. File < environment < flags, parsed once, frozen.
 *
 * A setting has one name in three spellings: `p2p-addr` in the TOML file, `PANGEA_P2P_ADDR` in the environment,
 * `--p2p-addr` on the command line. Unknown names are refused with the nearest known one (`CONFIG_UNKNOWN_KEY`),
 * bad values with what was expected (`CONFIG_INVALID`). Only `node` and `cli` read it; other parts receive values.
 * The manual, `docs/configuration.md`, is written from the same table: `UPDATE_DOCS=1 node --test test/config/manual.test.ts`.
 */
export { loadConfig, type ConfigSources } from './load.ts';
export { settings, settingNames, type NodeConfig } from './table.ts';
export type { Setting } from './setting.ts';
export { compareConfigs, type ConfigChange } from './compare.ts';
export { nearestName } from './nearest.ts';
export { parseBytes, parseDuration } from './units.ts';
export { configurationManual } from './manual.ts';
export { formatAddress, isLoopbackHost, multiaddrOf } from './address.ts';
