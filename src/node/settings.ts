/** Configuration to the settings of the object engine, with the limits that no operator has a reason to change. */
import type { Compression } from '../codec/codec.ts';
import type { NodeConfig } from '../config/config.ts';
import type { ObjectsSettings } from '../objects/objects.ts';

const mebibyte = 1024 * 1024;

/** `current` is read at each use, so that a reload takes effect without rebuilding the engine. */
export function objectsSettings(current: () => NodeConfig, freeBytes: number): ObjectsSettings {
  const config = current();
  return {
    segmentBytes: config.segmentBytes,
    compression: compressionOf(config),
    ack: config.ack,
    storing: config.storing,
    // A stripe in a put holds 8 segments of plaintext and 12 shards: 20 MiB at the default segment.
    putWindowStripes: 3,
    getWindowStripes: 3,
    hedgeAfterMs: 400,
    requestTimeoutMs: 15_000,
    get repairGraceMs() {
      return current().repairGrace;
    },
    get repairIntervalMs() {
      return current().repairInterval;
    },
    repairWindowBytes: 32 * mebibyte,
    uploadExpiresMs: 60 * 60_000,
    // One peer may not fill the disk with what it never commits.
    uploadQuotaBytes: Math.max(256 * mebibyte, Math.min(64 * 1024 * mebibyte, Math.floor(freeBytes / 2))),
  };
}

export function compressionOf(config: NodeConfig): Compression {
  return config.compression === 'store' ? 'store' : { kind: 'auto', minLevel: config.compressionMin, maxLevel: config.compressionMax };
}
