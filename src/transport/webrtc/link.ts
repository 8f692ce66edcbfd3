/** One peer connection: made over a signalling stream, then a stream of the host for each data channel. */
import type { DataChannel, IceServer, PeerConnection, TransportPolicy } from 'node-datachannel';
import { PangeaError, asPangeaError } from '../../errors/errors.ts';
import type { HostStream } from '../../host/host.ts';
import type { PeerId } from '../../ids/ids.ts';
import type { Clock } from '../../std/std.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import { withDeadline } from '../deadline.ts';
import { ChannelStream } from './channel-stream.ts';
import { candidateAddress, withoutCandidates } from './ice.ts';
import { guarded, type Library } from './library.ts';
import { SignalReader, sendSignal, type Signal } from './signal.ts';

export const linkLimits = {
  /** Streams that a peer may have open here. */
  inboundStreams: 256,
  outboundStreams: 256,
  candidates: 32,
} as const;

/** Holds a link up: without a channel there is nothing to negotiate. */
const keeperLabel = 'pangea';

export interface LinkOptions {
  readonly library: Library;
  readonly iceServers: readonly (string | IceServer)[];
  readonly policy: TransportPolicy;
  /** Of one's own end; absent for any. */
  readonly bindAddress: string | undefined;
  /** From the first signal to an open channel. */
  readonly connectMs: number;
  /** Whether an address that the peer named may be tried. */
  readonly permits: (address: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onStream: (stream: HostStream) => void;
  readonly onClosed: (link: Link, reason: string) => void;
}

export class Link {
  readonly peer: PeerId;
  readonly #options: LinkOptions;
  readonly #connected = Promise.withResolvers<void>();
  /** Also what keeps the library's channels alive: a collected one ends the process. */
  readonly #streams = new Map<ChannelStream, 'inbound' | 'outbound'>();
  #connection: PeerConnection | undefined;
  #keeper: DataChannel | undefined;
  #reason = 'closed here';
  #streamClosed: (() => void) | undefined;

  constructor(peer: PeerId, options: LinkOptions) {
    this.peer = peer;
    this.#options = options;
    this.#connected.promise.catch(() => undefined);
    const { library, iceServers, policy, bindAddress } = options;
    this.#connection = new library.PeerConnection('pangea', {
      iceServers: [...iceServers], iceTransportPolicy: policy, disableAutoNegotiation: true, ...(bindAddress === undefined ? {} : { bindAddress }),
    });
    this.#connection.onStateChange(this.#safely((state: string) => {
      if (state === 'closed' || state === 'failed' || state === 'disconnected') this.close(`the connection is ${state}`);
    }));
    this.#connection.onDataChannel(this.#safely((channel: DataChannel) => this.#accept(channel)));
  }

  /** Resolves when the link carries streams. The signalling stream is done with then. */
  async establish(signalling: HostStream, role: 'offer' | 'answer'): Promise<void> {
    const { clock, logger, connectMs } = this.#options;
    const reading = this.#signals(signalling, role);
    // The remote ends signalling once it is connected: what counts is the link.
    reading.catch((error: unknown) => this.#connected.reject(asPangeaError(error)));
    try {
      await withDeadline(clock, this.#connected.promise, { timeoutMs: connectMs });
      logger.debug({ peer: this.peer, ...this.route() }, 'a data channel is up');
      await signalling.closeWrite().catch(() => undefined);
    } catch (error) {
      signalling.reset();
      this.close('it could not be established');
      throw asPangeaError(error);
    }
  }

  /** Whether the bytes pass a TURN server. */
  route(): { readonly relayed: boolean; readonly local: string; readonly remote: string } {
    const pair = this.#connection?.getSelectedCandidatePair();
    const text = (end: { address: string; port: number } | undefined): string => (end === undefined ? '' : `${end.address}:${end.port}`);
    return {
      relayed: pair?.local.type === 'relay' || pair?.remote.type === 'relay', local: text(pair?.local), remote: text(pair?.remote),
    };
  }

  async openStream(protocol: string): Promise<HostStream> {
    if (this.#connection === undefined) throw new PangeaError('PEER_UNREACHABLE', this.#reason);
    if (this.#count('outbound') >= linkLimits.outboundStreams) throw new PangeaError('PEER_BUSY', 'too many streams are open to the peer');
    const stream = this.#wrap(this.#connection.createDataChannel(protocol), 'outbound');
    await stream.opened;
    return stream;
  }

  /** Resolves when the peers of all ended streams have read them and closed, or after the time: a close overtakes answers. */
  async drain(timeoutMs: number): Promise<void> {
    const drained = (async (): Promise<void> => {
      while ([...this.#streams.keys()].some((stream) => stream.isFlushing)) await new Promise<void>((resolve) => (this.#streamClosed = resolve));
    })();
    await withDeadline(this.#options.clock, drained, { timeoutMs }).catch(() => undefined);
  }

  close(reason: string): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    this.#reason = reason;
    for (const stream of this.#streams.keys()) stream.reset();
    this.#keeper?.close();
    this.#keeper = undefined;
    connection.close();
    this.#connected.reject(new PangeaError('PEER_UNREACHABLE', reason));
    this.#options.onClosed(this, reason);
  }

  async #signals(signalling: HostStream, role: 'offer' | 'answer'): Promise<void> {
    const connection = this.#connection as PeerConnection;
    // One after the other, and none before the description it belongs to.
    let sending = Promise.resolve();
    const send = (signal: Signal): void => {
      sending = sending.then(() => sendSignal(signalling, signal));
      // A stream that broke shows in the reading.
      sending.catch(() => undefined);
    };
    connection.onLocalDescription(this.#safely((sdp: string) => send({ type: role, text: withoutCandidates(sdp) })));
    connection.onLocalCandidate(this.#safely((candidate: string) => send({ type: 'candidate', text: candidate })));
    if (role === 'offer') {
      this.#keep(connection.createDataChannel(keeperLabel));
      connection.setLocalDescription('offer');
    }
    const reader = new SignalReader(signalling);
    let described = false;
    let candidates = 0;
    for (let signal = await reader.next(); signal !== undefined; signal = await reader.next()) {
      if (this.#connection === undefined) return;
      if (signal.type === 'candidate') {
        if (!described) throw new PangeaError('PROTOCOL', 'a candidate before its description');
        if (++candidates > linkLimits.candidates) throw new PangeaError('PROTOCOL', 'too many candidates');
        const address = candidateAddress(signal.text);
        if (address !== undefined && this.#options.permits(address)) connection.addRemoteCandidate(signal.text, '0');
        else this.#options.logger.debug({ peer: this.peer, address }, 'a candidate is not tried');
        continue;
      }
      if (described || signal.type === role) throw new PangeaError('PROTOCOL', `an ${signal.type} that nobody waits for`);
      described = true;
      connection.setRemoteDescription(withoutCandidates(signal.text), signal.type);
      if (role === 'answer') connection.setLocalDescription('answer');
    }
    if (!described) throw new PangeaError('PROTOCOL', 'signalling ended without a description');
  }

  #keep(channel: DataChannel): void {
    this.#keeper = channel;
    channel.onOpen(this.#safely(() => this.#connected.resolve()));
    channel.onClosed(this.#safely(() => {
      this.#keeper = undefined;
      this.close('the peer closed the link');
    }));
    if (channel.isOpen()) this.#connected.resolve();
  }

  #accept(channel: DataChannel): void {
    if (this.#connection === undefined || this.#count('inbound') >= linkLimits.inboundStreams) return channel.close();
    if (this.#keeper === undefined && channel.getLabel() === keeperLabel) return this.#keep(channel);
    this.#options.onStream(this.#wrap(channel, 'inbound'));
  }

  #wrap(channel: DataChannel, direction: 'inbound' | 'outbound'): ChannelStream {
    const stream: ChannelStream = new ChannelStream({
      peer: this.peer, channel, direction, clock: this.#options.clock,
      closed: () => {
        this.#streams.delete(stream);
        this.#streamClosed?.();
      },
      violated: (error) => this.close(error.message),
    });
    this.#streams.set(stream, direction);
    return stream;
  }

  #count(direction: 'inbound' | 'outbound'): number {
    let count = 0;
    for (const each of this.#streams.values()) if (each === direction) count++;
    return count;
  }

  #safely<A extends readonly unknown[]>(run: (...args: A) => void): (...args: A) => void {
    return guarded(run, (error) => this.close(asPangeaError(error).message));
  }
}
