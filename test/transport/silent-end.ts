/** A process that listens, never answers, and waits to be killed: `node silent-end.ts quic|libp2p`. */
import { libp2pEnd, quicEnd } from './ends.ts';

const end = process.argv[2] === 'quic' ? await quicEnd() : await libp2pEnd(process.argv[2] ?? '')();
await end.transport.listen(() => new Promise(() => undefined));
console.log(JSON.stringify({ peer: end.transport.localPeer, addresses: end.transport.addresses() }));
// Should its parent die first, it ends by itself.
setTimeout(() => process.exit(1), 60_000);
