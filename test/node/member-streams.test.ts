import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Body } from '../../src/body/body.ts';
import type { Host, HostStream } from '../../src/host/host.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { keyPairOf, peerIdOf } from '../../src/identity/keys.ts';
import type { Membership } from '../../src/identity/identity.ts';
import { RevocationSpread, revocationsProtocol } from '../../src/node/member-streams.ts';
import { seededRandom } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { ManualClock } from '../peers/manual-clock.ts';

test('ended memberships are told to connected members, and to nobody else', async () => {
  const [member, stranger] = [1, 2].map((seed) => peerIdOf(keyPairOf(new Uint8Array(32).fill(seed)).publicKey)) as [PeerId, PeerId];
  const list = Uint8Array.of(0, 0);
  let handler: ((stream: HostStream) => Promise<void>) | undefined;
  const host = { handle: (protocol: string, given: typeof handler) => { if (protocol === revocationsProtocol) handler = given; } } as unknown as Host;
  const transport = { connectedPeers: () => [member] } as unknown as Transport;
  const membership = { revocations: () => list, onRevoked: () => () => true } as unknown as Membership;
  const spread = new RevocationSpread({ host, membership, transport, clock: new ManualClock(), random: seededRandom(1), logger: silentLogger });
  spread.start();
  const told = async (peer: PeerId): Promise<Uint8Array[]> => {
    const written: Uint8Array[] = [];
    const stream = { peer, write: async (body: Body) => void written.push(body.bytes()), closeWrite: async () => undefined } as unknown as HostStream;
    await handler?.(stream).catch((error: unknown) => assert.match(String(error), /no member/));
    return written;
  };
  assert.deepEqual(await told(member), [list]);
  assert.deepEqual(await told(stranger), []);
  spread.stop();
});
