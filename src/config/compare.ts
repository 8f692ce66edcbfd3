import { propertyOf, settingNames, settings, type NodeConfig, type SettingName } from './table.ts';
import type { Setting } from './setting.ts';

export interface ConfigChange {
  readonly name: SettingName;
  /** True when a running node takes it over, false when it needs a restart. */
  readonly live: boolean;
}

/** What differs between two configurations, for SIGHUP. */
export function compareConfigs(before: NodeConfig, after: NodeConfig): readonly ConfigChange[] {
  const changes: ConfigChange[] = [];
  for (const name of settingNames) {
    const { type, live } = settings[name] as Setting<unknown>;
    const property = propertyOf(name);
    if (type.show(before[property]) !== type.show(after[property])) changes.push({ name, live: live === true });
  }
  return changes;
}
