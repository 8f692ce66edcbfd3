/**
 * Every pair of kinds of NAT over TCP and QUIC, printed as a table: `npm run test:net -- --matrix`. Needs root and iptables; some
 * six minutes, since a pair that cannot be punched is given time to find that out.
 */
import { natKinds, natObstacle } from './nat.ts';
import { runNatCase } from './nat-case.ts';

/** False when a pair does not connect at all. */
export async function printNatMatrix(): Promise<boolean> {
  const obstacle = natObstacle();
  if (obstacle !== undefined) {
    process.stdout.write(`no NAT matrix: ${obstacle}\n`);
    return true;
  }
  process.stdout.write('| a | b | transport | way | connected, ms | relayed to direct, ms | |\n|---|---|---|---|---|---|---|\n');
  let connected = true;
  for (const transport of ['quic', 'tcp'] as const) {
    for (const a of natKinds) {
      for (const b of natKinds) {
        const row = await runNatCase(a, b, transport).then(
          ({ path, connectedMs, punchedMs, detail }) => {
            if (path === 'failed') connected = false;
            return [path, connectedMs.toFixed(0), path === 'punched' ? (punchedMs ?? 0).toFixed(0) : '', path === 'relayed' || path === 'failed' ? detail.slice(0, 160) : ''];
          },
          (error: Error) => {
            connected = false;
            return ['failed', '', '', error.message];
          },
        );
        process.stdout.write(`| ${[a, b, transport, ...row].join(' | ')} |\n`);
      }
    }
  }
  return connected;
}
