/** Networks of real hosts over loopback for the conformance suite. */
import { openDht, recordAcceptor } from '../../src/dht/dht.ts';
import { systemClock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { type DhtNode, type MakeDhtNetwork } from '../conformance/dht.ts';
import type { MakeHost } from '../host/makers.ts';

/** Host i is made by `makers[i % makers.length]`. */
export function networkOf(...makers: readonly MakeHost[]): MakeDhtNetwork {
  return async (count, rules) => {
    const acceptRecord = recordAcceptor(rules, systemClock);
    const nodes: DhtNode[] = [];
    let bootstrap: readonly string[] = [];
    for (let index = 0; index < count; index++) {
      const make = makers[index % makers.length] as MakeHost;
      const host = await make({ acceptRecord, bootstrap });
      if (index === 0) bootstrap = host.multiaddrs();
      const dht = openDht({ host, clock: systemClock, logger: silentLogger, rules });
      nodes.push({
        peer: host.peerId,
        dht,
        leave: async () => {
          await dht.close();
          await host.close();
        },
      });
    }
    return nodes;
  };
}
