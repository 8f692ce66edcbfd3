const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** `deep`: brackets lie deeper than they may. `escaped`: the name of some field is written with a backslash. */
export type Scanned = 'plain' | 'escaped' | 'deep';

/**
 * One look at a text before it is parsed, for two weak points of `JSON.parse`. It bears any depth, but takes ten times as long for
 * four megabytes of brackets as for four megabytes of messages. And V8 mistakes names with escapes (`json.ts`).
 */
export function scan(text: string, depthLimit: number): Scanned {
  let depth = 0;
  let found: Scanned = 'plain';
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === quote) {
      const from = at + 1;
      at = endOfString(text, from);
      if (at < 0) return found;
      if (found === 'plain' && isName(text, at + 1) && hasEscape(text, from, at)) found = 'escaped';
    } else if (unit === 0x5b || unit === 0x7b) {
      if (++depth > depthLimit) return 'deep';
    } else if (unit === 0x5d || unit === 0x7d) depth--;
  }
  return found;
}

/** Where the string ends that begins at `from`; -1 when it does not. Unit by unit: most strings are shorter than a search is worth. */
export function endOfString(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === quote) return at;
    if (unit === backslash) at++;
  }
  return -1;
}

/** Does a colon follow, after white space? */
function isName(text: string, from: number): boolean {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === colon;
}

function hasEscape(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (text.charCodeAt(at) === backslash) return true;
  return false;
}
