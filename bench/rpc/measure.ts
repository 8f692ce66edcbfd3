/** Every workload on every server by every client, round after round, so that the drift of the machine hits all alike. */
import type { Row } from '../record.ts';
import { Figures } from './figures.ts';
import { measureNode } from './node.ts';
import { Client, Server } from './processes.ts';
import { clients, servers, type Program } from './programs.ts';
import { rawWorkloads, workloads, type Pace, type Workload } from './workloads.ts';

export interface Measured {
  readonly rows: readonly Row[];
  /** What was left out, with the reason. */
  readonly missing: readonly string[];
}

export const ours = ['native', 'wasm'];
const mebibyte = 2 ** 20;

export async function measureRpc(pace: Pace): Promise<Measured> {
  const missing: string[] = [];
  const there = (kind: string, programs: readonly Program[]): Program[] => programs.filter((program) => {
    if (program.missing !== '') missing.push(`${kind} ${program.id}: ${program.missing}`);
    return program.missing === '';
  });
  const figures = new Figures();
  const started: (Server | Client)[] = [];
  try {
    const running: { client: Client; raw: Server }[] = [];
    for (const program of there('client', clients())) {
      const raw = await Server.start({ ...program, id: 'raw', args: [...program.args, 'serve-raw'] });
      const client = new Client(program);
      started.push(raw, client);
      running.push({ client, raw });
    }
    const serving: Server[] = [];
    for (const program of there('server', servers())) {
      const server = await Server.start(program);
      started.push(server);
      serving.push(server);
    }
    for (let round = 0; round <= pace.rounds; round++) {
      for (const { client, raw } of running) {
        for (const workload of rawWorkloads(pace)) await measure(figures, round, workload, client, raw);
        for (const workload of workloads(pace)) {
          for (const server of serving) await measure(figures, round, workload, client, server);
        }
      }
    }
    missing.push(...(await measureNode(pace, running.map(({ client }) => client), figures)));
  } finally {
    for (const each of started) await each.stop();
  }
  return { rows: [...figures.rows(), ...figures.ratios(ours)], missing };
}

/** The first round warms up. */
async function measure(figures: Figures, round: number, { name, unit, request }: Workload, client: Client, server: Server): Promise<void> {
  const before = server.cpuSeconds;
  const { done, seconds } = await client.ask({ ...request, address: server.address });
  const cpu = server.cpuSeconds - before;
  if (round === 0) return;
  figures.add(name, server.id, client.id, unit, unit === 'calls/s' ? done / seconds : done / seconds / mebibyte);
  if (unit === 'calls/s') figures.add(name, server.id, client.id, 'CPU-us/call', (cpu / done) * 1e6);
  else figures.add(name, server.id, client.id, 'CPU-s/GiB', (cpu / done) * 2 ** 30);
}
