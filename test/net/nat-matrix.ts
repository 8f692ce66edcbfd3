/**
 * Every pair of kinds of NAT over TCP and QUIC, printed as a table: `node test/net/nat-matrix.ts`. Needs root and iptables.
 * Ends with 1 when a pair does not connect at all.
 */
import { natKinds, natObstacle } from './nat.ts';
import { type NatCase, runNatCase } from './nat-case.ts';

const obstacle = natObstacle();
if (obstacle !== undefined) {
  process.stdout.write(`no NAT matrix: ${obstacle}\n`);
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.stdout.write('| a | b | transport | way | connected, ms | relayed to direct, ms | |\n|---|---|---|---|---|---|---|\n');
let failed = 0;
for (const transport of ['quic', 'tcp'] as const) {
  for (const a of natKinds) {
    for (const b of natKinds) {
      const found = await runNatCase(a, b, transport).catch((error: Error) => ({ a, b, transport, path: 'failed', connectedMs: 0, punchedMs: undefined, detail: error.message }) as unknown as NatCase);
      if (found.path === 'failed') failed += 1;
      const { path, connectedMs, punchedMs, detail } = found;
      const why = path === 'relayed' || path === 'failed' ? detail.slice(0, 160) : '';
      process.stdout.write(`| ${a} | ${b} | ${transport} | ${path} | ${connectedMs.toFixed(0)} | ${path === 'punched' ? (punchedMs ?? 0).toFixed(0) : ''} | ${why} |\n`);
    }
  }
}
process.exit(failed === 0 ? 0 : 1);
