/**
 * Pangea node as a library. `startNode` runs a node in this process; `connectNode` drives one that runs in another.
 * Both give the same interface, `NodeApi`; the calls of the existing network (`mixed`) are there in this process and over RPC.
 */
export type * from './api/api.ts';
export { loadConfig, type ConfigSources, type NodeConfig } from './config/config.ts';
export { connectNode } from './control/control.ts';
export { errorCodes, isPangeaError, PangeaError, type ErrorCode } from './errors/errors.ts';
export { startNode, type PartLine, type RunningNode, type StartOptions } from './node/node.ts';
export { createLogger, type LogLevel, type RootLogger } from './telemetry/telemetry.ts';
