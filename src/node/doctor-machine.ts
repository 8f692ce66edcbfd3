/** The machine under the node: its disk, its clock, its socket buffers. */
import { constants } from 'node:fs';
import { access, readFile, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DoctorCheck } from '../api/api.ts';
import type { Clock } from '../std/std.ts';
import { bytesText } from './part-line.ts';

const mebibyte = 1024 * 1024;
const tightBytes = 1024 * mebibyte;
const fullBytes = 64 * mebibyte;
/** What the QUIC socket asks the kernel for. */
const socketBytes = 8 * mebibyte;
/** A clock before this is not set: nobody could have built this program then. */
const earliestMs = Date.UTC(2025, 0, 1);
const jumpMs = 5_000;

export async function checkDataDirectory(dataDir: string): Promise<DoctorCheck> {
  const check = 'data directory';
  try {
    const place = await nearest(dataDir);
    await access(place, constants.R_OK | constants.W_OK);
    const { bavail, bsize } = await statfs(place);
    const free = bavail * bsize;
    const detail = `${dataDir}${place === dataDir ? '' : ` (not made yet, it would lie in ${place})`}: writable, ${bytesText(free)} free`;
    if (free < fullBytes) return { check, verdict: 'failed', detail, advice: 'free space on this disk, or move the data directory with --data-dir' };
    if (free < tightBytes) return { check, verdict: 'warning', detail, advice: 'the node will soon refuse shards: free space, or set a --quota' };
    return { check, verdict: 'ok', detail, advice: '' };
  } catch (error) {
    return { check, verdict: 'failed', detail: `${dataDir}: ${(error as Error).message}`, advice: 'give the user of the node read and write access, or choose another with --data-dir' };
  }
}

/** The directory itself, or the closest one above it that is there. */
async function nearest(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const there = await access(at).then(() => true, () => false);
    if (there || at === dirname(at)) return at;
  }
}

/** A wall clock that moved another way than time itself was set while the node ran: certificates and expiries go by it. */
export function checkClock(clock: Clock): DoctorCheck {
  const check = 'clock';
  const nowMs = clock.nowMs();
  const detail = `it shows ${new Date(nowMs).toISOString()}`;
  if (nowMs < earliestMs) return { check, verdict: 'failed', detail: `${detail}, which cannot be`, advice: 'set the clock: memberships and announcements go by it' };
  const driftMs = Math.round(nowMs - (performance.timeOrigin + clock.monotonicMs()));
  if (Math.abs(driftMs) > jumpMs) {
    return { check, verdict: 'warning', detail: `${detail}; it was set by ${(driftMs / 1000).toFixed(0)} s while the node ran`, advice: 'let a time service keep it' };
  }
  return { check, verdict: 'ok', detail, advice: '' };
}

/** Bursts of UDP that a small buffer cannot hold are lost, which QUIC takes for a crowded line. */
export async function checkBuffers(): Promise<DoctorCheck> {
  const check = 'UDP buffers';
  const read = async (name: string): Promise<number | undefined> => {
    const text = await readFile(`/proc/sys/net/core/${name}`, 'utf8').catch(() => undefined);
    return text === undefined ? undefined : Number(text);
  };
  const [receive, send] = await Promise.all([read('rmem_max'), read('wmem_max')]);
  if (receive === undefined || send === undefined) return { check, verdict: 'unknown', detail: 'this system does not tell its limits', advice: '' };
  const detail = `the kernel gives a socket at most ${bytesText(receive)} to receive and ${bytesText(send)} to send; ${bytesText(socketBytes)} are asked for`;
  if (Math.min(receive, send) >= socketBytes) return { check, verdict: 'ok', detail, advice: '' };
  return { check, verdict: 'warning', detail, advice: `for fast lines: sysctl -w net.core.rmem_max=${socketBytes} net.core.wmem_max=${socketBytes}` };
}
