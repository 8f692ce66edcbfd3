/** Gossipsub of js-libp2p behind the two verbs that the host needs. */
import { type GossipSub, type Message, TopicValidatorResult } from '@libp2p/gossipsub';
import { PangeaError } from '../../errors/errors.ts';
import type { PeerId } from '../../ids/ids.ts';

export class JsGossip {
  readonly #gossip: GossipSub;
  readonly #judge: (topic: string, from: PeerId, data: Uint8Array) => boolean;

  constructor(gossip: GossipSub, judge: (topic: string, from: PeerId, data: Uint8Array) => boolean) {
    this.#gossip = gossip;
    this.#judge = judge;
  }

  join(topic: string): void {
    this.#gossip.topicValidators.set(topic, (_, message: Message) => {
      const valid = message.type === 'signed' && this.#judge(topic, message.from.toString() as PeerId, message.data);
      return valid ? TopicValidatorResult.Accept : TopicValidatorResult.Reject;
    });
    this.#gossip.subscribe(topic);
  }

  leave(topic: string): void {
    this.#gossip.unsubscribe(topic);
    this.#gossip.topicValidators.delete(topic);
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    if (this.#gossip.getSubscribers(topic).length === 0) {
      throw new PangeaError('NOT_ENOUGH_PEERS', 'nobody else that is connected is on the topic');
    }
    try {
      await this.#gossip.publish(topic, data);
    } catch (error) {
      throw new PangeaError('PEER_UNREACHABLE', `not published: ${String(error)}`, { cause: error });
    }
  }
}
