/**
 * Feeds the registry by real pings. Connected peers are asked every round, others more and more rarely
 * the longer they fail, so that a registry full of peers long gone costs a few dials a minute.
 */
import { Semaphore, type Clock, type Random } from '../std/std.ts';
import type { PeerId } from '../ids/ids.ts';
import type { PeerRecord, PeerRegistry } from './peers.ts';

export interface PingerOptions {
  readonly registry: PeerRegistry;
  /** Resolves with the round trip, rejects when there was no answer. Brings its own timeout; may dial. */
  readonly ping: (peer: PeerId, signal: AbortSignal) => Promise<number>;
  readonly clock: Clock;
  readonly random: Random;
  /** Mean time between two rounds, spread by ±20 % so that peers do not ping in step. */
  readonly intervalMs: number;
  /** Pings under way at a time; default 16. */
  readonly concurrency?: number;
}

export interface Pinger {
  /** Resolves when no ping is under way any more. Safe to repeat. */
  stop(): Promise<void>;
}

const spread = 0.2;
/** A peer that keeps failing, or that is dead by its threat score, is tried each 64th round: at 5 s, every five minutes. */
const longestPauseRounds = 64;

export function startPinger(options: PingerOptions): Pinger {
  const { registry, clock, random } = options;
  const permits = new Semaphore(options.concurrency ?? 16);
  const abort = new AbortController();
  const underWay = new Map<PeerId, Promise<void>>();
  const failures = new Map<PeerId, { inARow: number; dueRound: number }>();
  let round = 0;

  const pingOne = async (peer: PeerId): Promise<void> => {
    const latencyMs = await permits.run(async () => {
      // Why a ping was lost is the transport's to log; here it is a measurement.
      return abort.signal.aborted ? undefined : options.ping(peer, abort.signal).catch(() => undefined);
    });
    if (abort.signal.aborted) return;
    if (latencyMs !== undefined) {
      failures.delete(peer);
      registry.observeLatency(peer, latencyMs);
      return;
    }
    const inARow = (failures.get(peer)?.inARow ?? 0) + 1;
    failures.set(peer, { inARow, dueRound: round + Math.min(2 ** Math.min(inARow, 16) / 2, longestPauseRounds) });
    registry.observeLoss(peer);
  };

  const isDue = (record: PeerRecord): boolean => {
    if (record.status === 'dead') return (round + phaseOf(record.peer)) % longestPauseRounds === 0;
    return record.connected || (failures.get(record.peer)?.dueRound ?? 0) <= round;
  };

  const loop = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      const records = registry.list();
      for (const record of records) {
        if (underWay.has(record.peer) || !isDue(record)) continue;
        underWay.set(record.peer, pingOne(record.peer).finally(() => underWay.delete(record.peer)));
      }
      if (failures.size > records.length) {
        const known = new Set(records.map((record) => record.peer));
        for (const peer of failures.keys()) if (!known.has(peer)) failures.delete(peer);
      }
      round++;
      const pauseMs = options.intervalMs * (1 - spread + 2 * spread * random.unit());
      // A sleep that fails ends the loop: stopped, or the clock itself is gone.
      const slept = await clock.sleep(pauseMs, abort.signal).then(() => true, () => false);
      if (!slept) return;
    }
  };
  const looping = loop();

  return {
    async stop() {
      abort.abort();
      await looping;
      await Promise.all(underWay.values());
    },
  };
}

/** Spreads the rare probes over the rounds. */
function phaseOf(peer: PeerId): number {
  let sum = 0;
  for (let at = peer.length - 8; at < peer.length; at++) sum = (sum * 31 + peer.charCodeAt(at)) % longestPauseRounds;
  return sum;
}
