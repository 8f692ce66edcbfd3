/** The formulas of the existing network's node registry; `docs/internals/peers.md` explains what is ours. */
import type { PeerStatus } from './peers.ts';

/** What this node measured of a peer. */
export interface Measurement {
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** 0–1. */
  readonly packetLoss: number;
}

/** Where each part of the health reaches zero. */
const worstLatencyMs = 1000;
const worstJitterMs = 100;

/** Share of the old value that a moving average keeps. */
const jitterMemory = 0.8;
const lossMemory = 0.9;

const deadAbove = 0.8;
const purgatoryAbove = 0.5;

/** 0–1: 0.4·(1 − min(latency/1000 ms, 1)) + 0.3·(1 − min(jitter/100 ms, 1)) + 0.3·(1 − packetLoss). */
export function healthOf({ latencyMs, jitterMs, packetLoss }: Measurement): number {
  return (
    0.4 * (1 - Math.min(latencyMs / worstLatencyMs, 1)) +
    0.3 * (1 - Math.min(jitterMs / worstJitterMs, 1)) +
    0.3 * (1 - packetLoss)
  );
}

/** A peer never heard from is in purgatory: nothing speaks against it, and nothing for it. */
export function statusOf(threatScore: number, heardFrom = true): PeerStatus {
  if (threatScore > deadAbove) return 'dead';
  return threatScore > purgatoryAbove || !heardFrom ? 'purgatory' : 'active';
}

/** The measurement after one more answered ping. The first one has nothing to differ from: no jitter. */
export function afterAnswer(old: Partial<Measurement>, latencyMs: number): Measurement {
  const change = old.latencyMs === undefined ? 0 : Math.abs(latencyMs - old.latencyMs);
  return {
    latencyMs,
    jitterMs: old.latencyMs === undefined ? 0 : jitterMemory * (old.jitterMs ?? 0) + (1 - jitterMemory) * change,
    packetLoss: lossMemory * (old.packetLoss ?? 0),
  };
}

/** The packet loss after one more lost ping. */
export function lossAfterMiss(packetLoss: number | undefined): number {
  return lossMemory * (packetLoss ?? 0) + (1 - lossMemory);
}

/** What is left of a threat score after some time: half of it each half-life. */
export function decayedThreat(score: number, elapsedMs: number, halfLifeMs: number): number {
  const left = score * 0.5 ** (Math.max(elapsedMs, 0) / halfLifeMs);
  // Otherwise a score would never reach zero, and every list would show 1e-30.
  return left < 0.001 ? 0 : left;
}
