/**
 * The composition root: the only place that builds parts, starts them in order and stops them in reverse.
 *
 * Promises: a line is said for a part only after that part is up; a start that fails leaves nothing running
 * and nothing listening; `stop` ends every part within its deadline, whatever a part does.
 * Never: policy. Who may do what is decided in the parts; here they only get to know each other.
 */
export { startNode, type RunningNode, type StartOptions } from './start.ts';
export { describePlan } from './plan.ts';
export { diagnoseOffline } from './doctor.ts';
export { initNode, joinNode, type InitResult, type JoinResult } from './network-commands.ts';
export { renewRpcToken, rpcToken } from './rpc-token.ts';
export { openGraphFile, writeGraphFolder, type GraphFile } from './graph-files.ts';
export { version } from './version.ts';
export type { PartLine } from './part-line.ts';
