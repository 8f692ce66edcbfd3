/** Streams of a private network beside the shard protocol: joining with a ticket, and spreading ended memberships. */
import { bodyFrom } from '../body/body.ts';
import { PangeaError } from '../errors/errors.ts';
import type { Host, HostStream } from '../host/host.ts';
import {
  finishJoin, joinProtocol, joinRequest, joinRequestBytes, maxJoinAnswerBytes, maxRevocationListBytes,
  type Membership, type NodeIdentity, type Ticket,
} from '../identity/identity.ts';
import { concatBytes, type Clock, type Random, type Timer } from '../std/std.ts';
import type { PeerId } from '../ids/ids.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import type { Transport } from '../transport/transport.ts';

export const revocationsProtocol = '/pangea/revocations/1.0.0';
const spreadMs = 60_000;
const streamTimeoutMs = 10_000;

/** Everything that the remote sends, up to a bound. Throws `PROTOCOL` beyond it. */
export async function readAll(stream: HostStream, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for (let chunk = await stream.read(); chunk; chunk = await stream.read()) {
    total += chunk.byteLength;
    if (total > maxBytes) throw new PangeaError('PROTOCOL', `the peer sent more than ${maxBytes} bytes`);
    parts.push(chunk.bytes().slice());
    chunk.release();
  }
  return concatBytes(...parts);
}

/** Answers joins where this node can invite. */
export function serveJoins(host: Host, membership: Membership, clock: Clock, logger: Logger): void {
  const { inviter } = membership;
  if (!inviter) return;
  host.handle(joinProtocol, async (stream) => {
    const answer = await inviter.handleJoin(stream.peer, await readAll(stream, joinRequestBytes), clock.nowMs());
    await stream.write(bodyFrom(answer));
    await stream.closeWrite();
    logger.info({ peer: stream.peer }, 'a join was answered');
  });
}

/** Enters a network: dials the inviter named by the ticket, proves the token, stores what it grants. Gives the network id. */
export async function joinThroughInviter(
  host: Host, options: { directory: string; identity: NodeIdentity; ticket: Ticket; nowMs: number },
): Promise<string> {
  const { ticket, identity } = options;
  let failure: unknown;
  for (const address of ticket.addresses) {
    try {
      const peer = await host.dial(address.includes('/p2p/') ? address : `${address}/p2p/${ticket.inviter}`, streamTimeoutMs);
      const stream = await host.openStream(peer, joinProtocol, streamTimeoutMs);
      try {
        const request = joinRequest(ticket, identity.publicKey);
        await stream.write(bodyFrom(request));
        await stream.closeWrite();
        const answer = await readAll(stream, maxJoinAnswerBytes);
        return await finishJoin({ ...options, request, answer });
      } finally {
        stream.reset();
      }
    } catch (error) {
      if (error instanceof PangeaError && error.code === 'PEER_REFUSED') throw error;
      failure = error;
    }
  }
  throw new PangeaError('PEER_UNREACHABLE', `the inviter ${ticket.inviter} could not be reached: is its node running?`, { cause: failure });
}

export interface SpreadParts {
  readonly host: Host;
  readonly membership: Membership;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Gives the list of ended memberships to who asks, asks others in turn, and cuts off whom it names. */
export class RevocationSpread {
  readonly #parts: SpreadParts;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(parts: SpreadParts) {
    this.#parts = parts;
  }

  start(): void {
    const { host, membership, transport } = this.#parts;
    host.handle(revocationsProtocol, async (stream) => {
      // The host lets everybody in; who left this network is the business of its members.
      if (!transport.connectedPeers().includes(stream.peer)) throw new PangeaError('NOT_A_MEMBER', `${stream.peer} is no member that is connected`);
      await stream.write(bodyFrom(membership.revocations()));
      await stream.closeWrite();
    });
    membership.onRevoked((peer) => {
      void transport.disconnect(peer);
      void host.disconnect(peer);
    });
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    const { clock, random } = this.#parts;
    this.#timer = clock.after(spreadMs * (0.8 + 0.4 * random.unit()), () => {
      void this.#ask().finally(() => {
        if (!this.#stopped) this.#schedule();
      });
    });
  }

  async #ask(): Promise<void> {
    const { transport, random } = this.#parts;
    const connected = transport.connectedPeers();
    const peer = connected[random.integer(connected.length)];
    if (peer !== undefined) await this.learnFrom(peer);
  }

  async learnFrom(peer: PeerId): Promise<void> {
    const { host, membership, logger } = this.#parts;
    try {
      const stream = await host.openStream(peer, revocationsProtocol, streamTimeoutMs);
      try {
        await stream.closeWrite();
        const learned = await membership.learnRevocations(await readAll(stream, maxRevocationListBytes));
        if (learned > 0) logger.info({ from: peer, learned }, 'ended memberships were learned');
      } finally {
        stream.reset();
      }
    } catch (error) {
      logger.debug({ peer, reason: (error as Error).message }, 'a member did not tell its list of ended memberships');
    }
  }
}
