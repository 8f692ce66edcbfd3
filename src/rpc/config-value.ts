import type { MixedConfig } from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';

/** The settings with one changed, as `updateConfigValue` names it: a field of its own, or else a custom setting. Throws `USAGE`. */
export function withConfigValue(config: MixedConfig, key: string, value: string): MixedConfig {
  switch (key) {
    case 'nodeId': return { ...config, nodeId: integer(key, value, 0, 0xffff_ffff) };
    case 'libp2pPort': return { ...config, libp2pPort: integer(key, value, 0, 0xffff) };
    case 'capnpAddr': return { ...config, capnpAddr: value };
    case 'useLibp2p': case 'localMode': return { ...config, [key]: flag(key, value) };
    case 'bootstrapPeers': return { ...config, bootstrapPeers: value.split(',').map((peer) => peer.trim()).filter((peer) => peer !== '') };
    case 'lastSavedAt': throw new PangeaError('USAGE', 'the time of the last save is the node\'s to set');
    default: return { ...config, customSettings: { ...config.customSettings, [key]: value } };
  }
}

function integer(key: string, value: string, least: number, most: number): number {
  const number = /^\d{1,10}$/.test(value) ? Number(value) : -1;
  if (number < least || number > most) throw new PangeaError('USAGE', `${key} is a number from ${least} to ${most}`);
  return number;
}

function flag(key: string, value: string): boolean {
  if (!/^(true|false)$/i.test(value)) throw new PangeaError('USAGE', `${key} is true or false`);
  return value.toLowerCase() === 'true';
}
