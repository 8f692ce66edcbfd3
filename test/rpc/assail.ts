/** `node test/rpc/assail.ts [SESSIONS] [SEED] [native|wasm]`: many mutated sessions against one server; what the tests do with a few hundred. */
import { openRpcServer } from '../../src/rpc/rpc.ts';
import { createLogger, discardMetrics } from '../../src/telemetry/telemetry.ts';
import { MemoryNode } from '../control/memory-node.ts';
import { assail } from './mutations.ts';
import { engines, token } from './serving.ts';

const [sessions = '20000', seed = '1', wanted] = process.argv.slice(2);
const engine = engines.find((each) => each === wanted) ?? engines[0] ?? 'wasm';
const api = new MemoryNode(7);
const server = await openRpcServer({
  listen: { host: '127.0.0.1', port: 0 }, api, token, tls: undefined, admit: () => true, engine, logger: createLogger({ level: 'warn' }), metrics: discardMetrics,
});
const startedMs = performance.now();
const before = process.memoryUsage.rss();
const { slowestMs } = await assail(server.port, { sessions: Number(sessions), seed: Number(seed) });
const seconds = (performance.now() - startedMs) / 1000;
await new Promise((resolve) => setTimeout(resolve, 500));
const { connections, calls, memoryBytes } = server.counts();
const grownMiB = Math.round((process.memoryUsage.rss() - before) / 2 ** 20);
process.stdout.write(`${sessions} sessions, ${engine}, seed ${seed}: ${seconds.toFixed(1)} s, ${calls} calls, slowest call beside them ${slowestMs.toFixed(0)} ms, `
  + `${connections} connections and ${memoryBytes} bytes left, ${api.listening} listeners, ${grownMiB} MiB more memory\n`);
const isUp = server.isUp;
await server.close(1000);
process.exitCode = isUp && connections === 0 && slowestMs < 5000 ? 0 : 1;
