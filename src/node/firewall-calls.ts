/** Looking at the allowlist and replacing it while the node runs. */
import type { FirewallView } from '../api/api.ts';
import type { NodeConfig } from '../config/config.ts';
import { PangeaError } from '../errors/errors.ts';
import type { Network } from './network.ts';

export function firewallView({ firewall, admissions }: Network): FirewallView {
  return { mode: firewall.mode, allow: firewall.allow, counters: admissions() };
}

/** On every listener at once. Holds until the next start or reload. An empty list would lock out this machine too: `CONFIG_INVALID`. */
export function replaceAllow(network: Network, config: NodeConfig, allow: readonly string[]): FirewallView {
  if (allow.length === 0) throw new PangeaError('CONFIG_INVALID', 'an empty allowlist would keep everybody out, this machine included: name at least one block');
  network.applyAllow({ ...config, allow: [...allow] });
  return firewallView(network);
}
