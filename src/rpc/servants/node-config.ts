/** The settings that clients of the existing network keep with a node. */
import type { MixedConfig } from '../../api/api.ts';
import {
  NodeService_LoadConfig$Params, NodeService_LoadConfig$Results, NodeService_SaveConfig$Params, NodeService_SaveConfig$Results,
  NodeService_UpdateConfigValue$Params, NodeService_UpdateConfigValue$Results, type ConfigData,
} from '../schema/pangea.ts';
import { answer, method, type Method } from './method.ts';
import { outcome, writeOutcome } from './outcome.ts';
import { boundedList, boundedText, neededText } from './read.ts';
import type { Surface } from './surface.ts';
import { fillStructs, fillTexts, roomOf } from './write.ts';

export function configMethods(surface: Surface): { load: Method; save: Method; update: Method } {
  const { node } = surface;
  return {
    load: method(surface, NodeService_LoadConfig$Params, NodeService_LoadConfig$Results, () => undefined, async () => {
      const { value, error } = await outcome(node.mixed.loadConfig());
      return answer((results) => {
        writeOutcome(results, error);
        if (value !== undefined) writeConfig(results._initConfig(), value);
      }, 512 + (value === undefined ? 0 : roomOf(value.capnpAddr, value.bootstrapPeers, value.lastSavedAt, ...Object.entries(value.customSettings).flat())));
    }),
    save: method(surface, NodeService_SaveConfig$Params, NodeService_SaveConfig$Results, ({ config }) => readConfig(config), async (config) => {
      const { error } = await outcome(node.mixed.saveConfig(config));
      return answer((results) => writeOutcome(results, error));
    }),
    update: method(surface, NodeService_UpdateConfigValue$Params, NodeService_UpdateConfigValue$Results,
      ({ key, value }) => ({ key: neededText('the key', key), value: boundedText('the value', value) }),
      async ({ key, value }) => {
        const { error } = await outcome(node.updateConfig(key, value));
        return answer((results) => void (results.success = error === undefined));
      }),
  };
}

function readConfig(from: ConfigData): MixedConfig {
  const settings = boundedList('the settings', from._hasCustomSettings(), () => from.customSettings,
    ({ key, value }) => [neededText('a key', key), boundedText('a value', value)] as const);
  return {
    nodeId: from.nodeId, capnpAddr: boundedText('the address', from.capnpAddr), libp2pPort: from.libp2pPort,
    useLibp2p: from.useLibp2p, localMode: from.localMode,
    bootstrapPeers: boundedList('the bootstrap peers', from._hasBootstrapPeers(), () => from.bootstrapPeers, (peer) => boundedText('a peer', peer)),
    lastSavedAt: boundedText('the time', from.lastSavedAt), customSettings: Object.fromEntries(settings),
  };
}

function writeConfig(to: ConfigData, config: MixedConfig): void {
  const settings = Object.entries(config.customSettings);
  to.nodeId = config.nodeId;
  to.capnpAddr = config.capnpAddr;
  to.libp2pPort = config.libp2pPort;
  to.useLibp2p = config.useLibp2p;
  to.localMode = config.localMode;
  fillTexts(to._initBootstrapPeers(config.bootstrapPeers.length), config.bootstrapPeers);
  to.lastSavedAt = config.lastSavedAt;
  fillStructs(to._initCustomSettings(settings.length), settings, (pair, [key, value]) => {
    pair.key = key;
    pair.value = value;
  });
}
