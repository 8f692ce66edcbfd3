/** One object on its way to its holders: who keeps which slot, what arrived where, and who takes over when one fails. */
import { identityBytes, type EncodedShards } from '../../codec/codec.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { PeerId } from '../../ids/ids.ts';
import type { PlacementPeer } from '../../peers/peers.ts';
import { toHex } from '../../std/std.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import type { LayoutView } from '../format/layout-view.ts';
import type { PeerCalls } from '../peer-calls.ts';
import { placeSlots, replacementFor } from '../format/placement.ts';
import type { LostRow } from '../repair/restore.ts';
import { rows, slotOf } from '../format/shape.ts';

export interface UploadOptions {
  readonly calls: PeerCalls;
  readonly logger: Logger;
  /** 32 random bytes under which holders keep the shards until the root is known. */
  readonly id: Uint8Array;
  /** What placement is computed from. */
  readonly salt: Uint8Array;
  readonly candidates: readonly PlacementPeer[];
  readonly signal: AbortSignal;
}

export class Upload {
  readonly id: Uint8Array;
  readonly #options: UploadOptions;
  /** Holder by slot. Always 12: without a holder for each the put fails. */
  readonly #slots: PeerId[];
  readonly #failed = new Map<PeerId, string>();
  /** Who confirmed which row, by stripe. */
  readonly #placed: (PeerId | undefined)[][] = [];

  /** Throws `NOT_ENOUGH_PEERS` when nobody can hold anything. */
  constructor(options: UploadOptions) {
    this.id = options.id;
    this.#options = options;
    this.#slots = [...placeSlots(options.salt, options.candidates)];
    if (this.#slots.length === 0) throw new PangeaError('NOT_ENOUGH_PEERS', 'no peer that stores is known; connect one, or let this node store');
  }

  get slots(): readonly PeerId[] {
    return this.#slots;
  }

  /** Slots of each holder, as bit masks. */
  slotMasks(): ReadonlyMap<PeerId, number> {
    const masks = new Map<PeerId, number>();
    this.#slots.forEach((peer, slot) => masks.set(peer, (masks.get(peer) ?? 0) | (1 << slot)));
    return masks;
  }

  /** Resolves when every shard of the stripe is in a holder's memory. Does not release the bodies. */
  async sendStripe(stripe: number, encoded: EncodedShards): Promise<void> {
    this.#placed[stripe] = Array.from({ length: rows }, () => undefined);
    await Promise.all(encoded.shards.map((_, row) => this.#sendRow(stripe, row, encoded)));
  }

  async #sendRow(stripe: number, row: number, encoded: EncodedShards): Promise<void> {
    const body = encoded.shards[row];
    if (!body || body.byteLength === 0) return;
    for (;;) {
      const peer = this.#slots[slotOf(stripe, row)] as PeerId;
      const put = {
        type: 'put' as const, object: this.id, stripe, row, durability: 'memory' as const, repair: false,
        identity: encoded.identities.subarray(row * identityBytes, (row + 1) * identityBytes),
      };
      const outcome = await this.#options.calls.ask<'put'>(peer, put, { body, signal: this.#options.signal });
      if (outcome.reply) {
        this.confirm(stripe, row, peer);
        return;
      }
      this.fail(peer, outcome.failure);
    }
  }

  confirm(stripe: number, row: number, peer: PeerId): void {
    const placed = this.#placed[stripe];
    if (placed) placed[row] = peer;
  }

  /** The holder lost what it had confirmed, by a restart. */
  forget(stripe: number, row: number): void {
    const placed = this.#placed[stripe];
    if (placed) placed[row] = undefined;
  }

  /** Takes the peer out of every slot and puts others in its place. Throws `NOT_ENOUGH_PEERS` when nobody is left. */
  fail(peer: PeerId, reason: string): void {
    const { candidates, salt, logger } = this.#options;
    if (!this.#failed.has(peer)) logger.warn({ peer, upload: toHex(this.id).slice(0, 12), reason }, 'a holder failed during a put; another takes its place');
    this.#failed.set(peer, reason);
    const left = candidates.filter((candidate) => !this.#failed.has(candidate.peer));
    this.#slots.forEach((holder, slot) => {
      if (holder !== peer) return;
      const next = replacementFor(salt, left, this.#slots.filter((each) => !this.#failed.has(each)));
      if (next === undefined) {
        throw new PangeaError('NOT_ENOUGH_PEERS', `every holder failed during the put; the last: ${reason}`, { data: { failed: Object.fromEntries(this.#failed) } });
      }
      this.#slots[slot] = next;
    });
  }

  /** Rows that are not where their slot's holder is. */
  lostRows(view: LayoutView): readonly LostRow[] {
    const lost: LostRow[] = [];
    this.#placed.forEach((placed, stripe) => {
      const { lengths } = view.stripe(stripe);
      for (let row = 0; row < rows; row++) {
        const target = this.#slots[slotOf(stripe, row)] as PeerId;
        if (lengths[row] !== 0 && placed[row] !== target) lost.push({ stripe, row, target });
      }
    });
    return lost;
  }

  /** Who confirmed the row and did not fail since. */
  sourcesOf(stripe: number, row: number): readonly PeerId[] {
    const peer = this.#placed[stripe]?.[row];
    return peer === undefined || this.#failed.has(peer) ? [] : [peer];
  }
}
