/**
 * Whether compressing is worth trying, by the rule of `native/ces/src/judge.rs`, which has the reasons: do bytes meet their
 * equals more often than random ones would, or does a word come back?
 */
const judgedBytes = 8 * 1024;
const windowBytes = 256;
const windowShareBytes = 64 * 1024;
const minWindows = 8;
const maxWindows = 128;
const randomSquares = windowBytes + Math.floor((windowBytes * (windowBytes - 1)) / 256);
const squaresPerBit = 355;
const maxExcess = 4 * squaresPerBit;
const worthwhileExcess = squaresPerBit / 5;
const neighbourhoodBytes = 1024;
const neighbourhoodShareBytes = 256 * 1024;
const maxNeighbourhoods = 32;
/** One word in 32 is remembered. */
const anchorMask = 31;
const pageBytes = 8192;
const maxPages = 1024;
const mix = 0x9e3779b1;

/** True where compressing is likely to save 3 % or more. */
export function worthCompressing(content: Uint8Array): boolean {
  return content.length <= judgedBytes || isSkewed(content) || hasCopies(content);
}

function isSkewed(content: Uint8Array): boolean {
  const windows = within(Math.floor(content.length / windowShareBytes), minWindows, maxWindows);
  const share = Math.floor(content.length / windows);
  const counts = new Uint16Array(256);
  let excess = 0;
  for (let window = 0; window < windows; window++) {
    const from = window * share + (shift(window) % (share - windowBytes));
    counts.fill(0);
    for (let at = from; at < from + windowBytes; at++) {
      const byte = content[at] as number;
      counts[byte] = (counts[byte] as number) + 1;
    }
    let squares = 0;
    for (const count of counts) squares += count * count;
    excess += within(squares - randomSquares, 0, maxExcess);
    if (excess >= worthwhileExcess * windows) return true;
  }
  return false;
}

function hasCopies(content: Uint8Array): boolean {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const words = new Set<bigint>([0n]);
  const isKnown = (word: bigint): boolean => words.size === words.add(word).size;
  const pages = Math.floor(content.length / pageBytes);
  for (let page = 0; page < Math.min(pages, maxPages); page++) {
    const word = view.getBigUint64(page * pageBytes, true);
    if (word !== 0n && isKnown(word)) return true;
  }
  const neighbourhoods = within(Math.floor(content.length / neighbourhoodShareBytes), 1, maxNeighbourhoods);
  for (let each = 0; each < neighbourhoods; each++) {
    const page = Math.floor((each * pages) / neighbourhoods);
    const from = page * pageBytes + 8 + (shift(each) % (pageBytes - 8 - neighbourhoodBytes));
    for (let at = from; at <= from + neighbourhoodBytes - 8; at++) {
      const [low, high] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
      if ((Math.imul(low ^ high, mix) & anchorMask) !== 0) continue;
      const word = view.getBigUint64(at, true);
      if (word !== 0n && isKnown(word)) return true;
    }
  }
  return false;
}

function shift(sample: number): number {
  return Math.imul(sample, 2_654_435_769) >>> 8;
}

function within(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
