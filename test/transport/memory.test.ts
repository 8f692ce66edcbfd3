import { systemClock, systemRandom } from '../../src/std/std.ts';
import { MemoryNetwork } from '../../src/transport/transport.ts';
import { hello, transportConformance } from '../conformance/transport.ts';
import { peerNumber } from '../peers/peer-number.ts';

const network = new MemoryNetwork({ clock: systemClock, random: systemRandom });
let next = 1;

transportConformance('memory', () => ({
  makeEnd: async ({ hello: own = {}, onHello = () => true } = {}) => {
    const transport = network.transport(peerNumber(next++), { hello: () => ({ ...hello, ...own }), onHello });
    return { transport, close: () => transport.close(0) };
  },
}));
