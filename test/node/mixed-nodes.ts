/** Nodes in this process, on loopback and free ports, for tests of what one node asks of another. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type NodeConfig } from '../../src/config/config.ts';
import { initNode, startNode, type RunningNode } from '../../src/node/node.ts';
import { createLogger } from '../../src/telemetry/telemetry.ts';

const free = '127.0.0.1:0';

export class Nodes {
  readonly directory = mkdtempSync(join(tmpdir(), 'pangea-mixed-'));
  readonly #running: RunningNode[] = [];

  /** The first member of a network of its own. */
  async startPrivate(label: number): Promise<RunningNode> {
    await initNode(this.#config(label, {}));
    return this.start(label);
  }

  async start(label: number, flags: Readonly<Record<string, unknown>> = {}): Promise<RunningNode> {
    const node = await startNode({ config: this.#config(label, flags), logger: createLogger({ level: 'error' }) });
    this.#running.push(node);
    return node;
  }

  #config(label: number, flags: Readonly<Record<string, unknown>>): NodeConfig {
    return loadConfig({
      environment: {}, file: undefined,
      flags: {
        'node-id': String(label), 'data-dir': join(this.directory, `n${label}`), 'rpc-addr': free, 'p2p-addr': free, 'dht-addr': free, 'http-addr': free,
        http: false, rpc: false, mdns: 'off', nat: 'off', ...flags,
      },
    }).config;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((node) => node.stop(2_000)));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Where a node's libp2p listens, for `connect`. */
export async function listening(node: RunningNode): Promise<{ readonly host: string; readonly port: number; readonly multiaddr: string; readonly quic: readonly string[] }> {
  const { addresses } = await node.api.status();
  const multiaddr = addresses.dht.find((address) => address.includes('/tcp/')) ?? '';
  const [, , host = '', , port = ''] = multiaddr.split('/');
  return { host, port: Number(port), multiaddr, quic: addresses.quic };
}
