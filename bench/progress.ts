/** How far a run is, on a terminal's stderr; elsewhere it says nothing. */
import { SingleBar } from 'cli-progress';

export interface BenchProgress {
  /** What is under way, where nobody knows how far. */
  show(what: string): void;
  count(done: number, all: number, what: string): void;
  clear(): void;
}

const silent: BenchProgress = { show: () => undefined, count: () => undefined, clear: () => undefined };

export function startProgress(json: boolean): BenchProgress {
  if (json || process.stderr.isTTY !== true) return silent;
  let bar: SingleBar | undefined;
  const clear = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    clear,
    show: (what) => {
      clear();
      process.stderr.write(`${what} …\n`);
    },
    count: (done, all, what) => {
      if (bar === undefined) {
        bar = new SingleBar({ format: '[{bar}] {percentage}% {eta_formatted} {what}', stream: process.stderr, hideCursor: true, clearOnComplete: true, fps: 8, barsize: 24, etaBuffer: 200 });
        bar.start(all, done, { what });
      } else {
        bar.update(done, { what });
      }
    },
  };
}
