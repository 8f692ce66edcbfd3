/**
 * The links of a node, in the shape of a host: what `libp2p.ts` needs of one, so that the shard protocol runs over data
 * channels as it does over libp2p streams.
 */
import { PangeaError, asPangeaError } from '../../errors/errors.ts';
import { serveStream, type Host, type HostEvents, type HostStream } from '../../host/host.ts';
import type { PeerId } from '../../ids/ids.ts';
import type { Clock } from '../../std/std.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import type { StreamHost } from '../libp2p.ts';
import { Link, type LinkOptions } from './link.ts';

export const webrtcProtocol = '/pangea/webrtc/1.0.0';

export const linksLimits = { links: 256, establishing: 16, drainMs: 1_000 } as const;

const signallingDialMs = 10_000;

export interface LinksOptions extends Omit<LinkOptions, 'onStream' | 'onClosed'> {
  readonly host: Pick<Host, 'peerId' | 'handle' | 'openStream'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Links implements StreamHost {
  readonly peerId: PeerId;
  readonly #options: LinksOptions;
  readonly #links = new Map<PeerId, Link>();
  readonly #offering = new Map<PeerId, Promise<void>>();
  readonly #answering = new Map<PeerId, Promise<void>>();
  readonly #handlers = new Map<string, (stream: HostStream) => Promise<void>>();
  readonly #listeners: Partial<HostEvents>[] = [];
  #closed = false;

  constructor(options: LinksOptions) {
    this.#options = options;
    this.peerId = options.host.peerId;
    options.host.handle(webrtcProtocol, (stream) => this.#answer(stream));
  }

  /** Makes a link to a peer that there is a libp2p way to. Throws `PEER_UNREACHABLE`, `PEER_BUSY`, `PROTOCOL`, `TIMEOUT`. */
  async establish(peer: PeerId): Promise<void> {
    if (this.#links.has(peer)) return;
    try {
      await (this.#answering.get(peer) ?? this.#offering.get(peer) ?? this.#offer(peer));
    } catch (error) {
      // Both offered at once, and the peer's offer went first.
      const theirs = this.#answering.get(peer);
      if (theirs !== undefined) await theirs;
      else if (!this.#links.has(peer)) throw error;
    }
  }

  link(peer: PeerId): Link | undefined {
    return this.#links.get(peer);
  }

  multiaddrs(): readonly string[] {
    return [];
  }

  handle(protocol: string, handler: (stream: HostStream) => Promise<void>): void {
    this.#handlers.set(protocol, handler);
  }

  on(events: Partial<HostEvents>): void {
    this.#listeners.push(events);
  }

  addAddresses(): void {
    // A link has no address: it is made over another way to the peer.
  }

  async dial(address: string): Promise<PeerId> {
    throw new PangeaError('ADDRESS_INVALID', `WebRTC takes no address, '${address}' neither`);
  }

  async openStream(peer: PeerId, protocol: string): Promise<HostStream> {
    const link = this.#links.get(peer);
    if (link === undefined) throw new PangeaError('PEER_UNREACHABLE', `there is no data channel to ${peer}`, { data: { peer } });
    return link.openStream(protocol);
  }

  async disconnect(peer: PeerId): Promise<void> {
    this.#links.get(peer)?.close('disconnected');
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#links.values()].map((link) => link.drain(linksLimits.drainMs)));
    for (const link of this.#links.values()) link.close('this node stops');
    await Promise.allSettled([...this.#offering.values(), ...this.#answering.values()]);
  }

  #offer(peer: PeerId): Promise<void> {
    const offer = async (): Promise<void> => {
      const signalling = await this.#options.host.openStream(peer, webrtcProtocol, signallingDialMs);
      await this.#link(peer, signalling, 'offer');
    };
    return track(this.#offering, peer, offer());
  }

  async #answer(signalling: HostStream): Promise<void> {
    const { peer } = signalling;
    // Of two offers at once that of the smaller PeerId counts.
    if (this.#answering.has(peer) || (this.#offering.has(peer) && this.peerId < peer)) {
      throw new PangeaError('PEER_BUSY', 'a link to this peer is being made');
    }
    // A peer that has lost its end begins anew; the one here is dead then, even if nobody noticed yet.
    this.#links.get(peer)?.close('the peer made a new one');
    await track(this.#answering, peer, this.#link(peer, signalling, 'answer'));
  }

  async #link(peer: PeerId, signalling: HostStream, role: 'offer' | 'answer'): Promise<void> {
    if (this.#closed || this.#links.size >= linksLimits.links || this.#offering.size + this.#answering.size > linksLimits.establishing) {
      signalling.reset();
      throw new PangeaError('PEER_BUSY', 'too many links');
    }
    const link = new Link(peer, {
      ...this.#options,
      onStream: (stream) => this.#serve(stream),
      onClosed: (closed, reason) => this.#gone(closed, reason),
    });
    await link.establish(signalling, role);
    if (this.#closed) return link.close('this node stops');
    this.#links.get(peer)?.close('a newer one is there');
    this.#links.set(peer, link);
    for (const events of this.#listeners) events.connected?.(peer, `webrtc ${link.route().remote}`);
  }

  #serve(stream: HostStream): void {
    const handler = this.#handlers.get(stream.protocol);
    if (handler === undefined || this.#closed) return stream.reset();
    serveStream(stream, handler, this.#options);
  }

  #gone(link: Link, reason: string): void {
    if (this.#links.get(link.peer) !== link) return;
    this.#links.delete(link.peer);
    this.#options.logger.debug({ peer: link.peer, reason: asPangeaError(reason).message }, 'a data channel is gone');
    for (const events of this.#listeners) events.disconnected?.(link.peer);
  }
}

function track(attempts: Map<PeerId, Promise<void>>, peer: PeerId, attempt: Promise<void>): Promise<void> {
  const tracked = attempt.finally(() => attempts.delete(peer));
  attempts.set(peer, tracked);
  return tracked;
}
