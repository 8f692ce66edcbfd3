import { MemoryDhtNetwork } from '../../src/dht/dht.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { systemClock } from '../../src/std/std.ts';
import { describeDht } from '../conformance/dht.ts';

describeDht('memory', (count, rules) => {
  const network = new MemoryDhtNetwork();
  return Promise.resolve(
    Array.from({ length: count }, (_, index) => {
      const peer = `12D3KooW${'123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijk'.slice(0, 43)}${index + 1}` as PeerId;
      const dht = network.dht(peer, [`/ip4/127.0.0.1/tcp/${1000 + index}`], { rules, clock: systemClock });
      return {
        peer,
        dht,
        leave: async () => {
          await dht.close();
          network.crash(peer);
        },
      };
    }),
  );
});
