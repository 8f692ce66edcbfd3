/**
 * Our client of the bench: the native host and the DHT above it, as in a node, in a process of its own. It is driven as
 * the peers of other makes are: one JSON object a line, `start` and `measure`.
 */
import { createInterface } from 'node:readline';
import { openDht, peerRecordRules, peerRecordType, recordAcceptor, type Dht } from '../../src/dht/dht.ts';
import { openNativeHost } from '../../src/host/host.ts';
import { loadNative } from '../../src/native/native.ts';
import { fromHex, mapConcurrent, systemClock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';

interface Asked {
  readonly id: number;
  readonly op: string;
  readonly seed: string;
  readonly listen: readonly string[];
  readonly bootstrap: readonly string[];
  readonly kind: string;
  readonly keys: readonly string[];
  readonly parallel: number;
}

const timeoutMs = 30_000;
let dht: Dht | undefined;

async function start({ seed, listen, bootstrap }: Asked): Promise<object> {
  const loaded = loadNative();
  if (!loaded.ok) throw new Error(loaded.reason);
  const rules = { [peerRecordType]: peerRecordRules };
  const shared = { clock: systemClock, logger: silentLogger };
  const host = await openNativeHost({
    ...shared, native: loaded.native, seed: fromHex(seed), listen, bootstrap, mdns: false, allow: ['127.0.0.0/8'],
    acceptRecord: recordAcceptor(rules, systemClock), agentVersion: 'bench',
  });
  dht = openDht({ ...shared, host, rules });
  await dht.bootstrap();
  return { peer: host.peerId, addresses: host.multiaddrs() };
}

async function measure(network: Dht, { kind, keys, parallel }: Asked): Promise<object> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const ms = await mapConcurrent(keys, parallel, async (key) => {
    const before = performance.now();
    await operation(network, kind, key);
    return performance.now() - before;
  });
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, seconds, cpuSeconds: (user + system) / 1e6 };
}

/** Rejects when nothing was found: all keys are of things that exist. */
async function operation(network: Dht, kind: string, key: string): Promise<void> {
  let found: number | undefined;
  switch (kind) {
    case 'provide': return network.provide(fromHex(key));
    case 'providers': found = (await network.findProviders(fromHex(key), { limit: 1, timeoutMs })).length; break;
    case 'get': found = (await network.getValue(peerRecordType, key.slice(`/pangea/${peerRecordType}/`.length), { timeoutMs }))?.length; break;
    case 'closest': found = (await network.closestPeers(fromHex(key), { timeoutMs })).length; break;
  }
  if ((found ?? 0) === 0) throw new Error(`${kind} of ${key} gives nothing`);
}

async function answer(asked: Asked): Promise<object> {
  if (asked.op === 'start') return start(asked);
  if (asked.op === 'connected') return { table: dht?.knownPeers().length ?? 0 };
  if (asked.op === 'measure' && dht) return measure(dht, asked);
  throw new Error(`no such operation: ${asked.op}`);
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const asked = JSON.parse(line) as Asked;
  void answer(asked).catch((error: unknown) => ({ error: String(error) })).then((given) => process.stdout.write(`${JSON.stringify({ ...given, id: asked.id })}\n`));
});
lines.on('close', () => process.exit());
