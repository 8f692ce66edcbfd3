import { existsSync } from 'node:fs';
import { detectCapabilities, planStages, type Capabilities, type PlanInput } from '../capabilities/capabilities.ts';
import type { Plan } from '../api/api.ts';
import type { NodeConfig } from '../config/config.ts';
import { systemClock } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { choosePaths, wantsNative, type Paths } from './paths.ts';

/**
 * What a node with this configuration would run, without starting one. The codec is really tried, measured and built, the
 * rest is what would be chosen. `fresh` measures again what is known.
 */
export async function describePlan(config: NodeConfig, logger: Logger, fresh = false): Promise<Plan> {
  const paths = await choosePaths(config.force, { logger, calibrate: fresh ? 'fresh' : 'cached' });
  const { forced, native, codec } = paths;
  const capabilities = await detectCapabilities({ native, ...(existsSync(config.dataDir) ? { directory: config.dataDir } : {}) });
  return planOf(capabilities, paths, {
    codec,
    store: wantsNative('store', forced, native) ? 'native' : 'node-fs',
    host: wantsNative('host', forced, native) ? 'native' : 'js',
    transports: wantsNative('transport', forced, native) ? ['quic', 'libp2p'] : ['libp2p'],
    firewall: 'userspace',
  });
}

export function planOf(capabilities: Capabilities, { forced, choices, calibration }: Paths, running: PlanInput['running']): Plan {
  const notes = ['the kernel firewall path (XDP) is not built yet: the allowlist is checked in user space on every listener'];
  if (!capabilities.native.available) notes.push(`no native addon: ${capabilities.native.detail}`);
  const ageMs = calibration.madeMs === 0 ? 0 : Math.max(0, systemClock.nowMs() - calibration.madeMs);
  return { capabilities, stages: planStages({ capabilities, forced, running, choices }), calibration: { ...calibration, ageMs }, notes };
}
