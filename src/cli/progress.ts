import { SingleBar } from 'cli-progress';
import { humanBytes, humanRate } from './format.ts';
import type { Output } from './output.ts';

/** Counts bytes, and shows them on a terminal's stderr. */
export interface Progress {
  add(bytes: number): void;
  /** So many in all. */
  reach(bytes: number): void;
  stop(): void;
}

const silent: Progress = { add: () => undefined, reach: () => undefined, stop: () => undefined };

/** `totalBytes` undefined: how much is coming is not known, so neither share nor time left is shown. */
export function startProgress(output: Output, what: string, totalBytes: number | undefined): Progress {
  if (output.json || process.stderr.isTTY !== true) return silent;
  const started = performance.now();
  const bar = new SingleBar({
    format: totalBytes === undefined ? `${what} {done} {rate}` : `${what} [{bar}] {percentage}% {done} of {all} {rate} {eta_formatted}`,
    stream: process.stderr, hideCursor: true, clearOnComplete: true, etaBuffer: 50, fps: 8, barsize: 24,
  });
  let bytes = 0;
  let shownMs = 0;
  const payload = (): Record<string, string> => ({
    done: humanBytes(bytes), all: humanBytes(totalBytes ?? 0), rate: humanRate(bytes, (performance.now() - started) / 1000),
  });
  bar.start(Math.max(totalBytes ?? 1, 1), 0, payload());
  const reach = (count: number): void => {
    bytes = count;
    const now = performance.now();
    if (now - shownMs < 100) return;
    shownMs = now;
    bar.update(Math.min(bytes, totalBytes ?? 0), payload());
  };
  return {
    reach,
    add: (count) => reach(bytes + count),
    stop: () => bar.stop(),
  };
}

export async function* counted(chunks: AsyncIterable<Uint8Array>, progress: Progress): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk;
    progress.add(chunk.length);
  }
}
