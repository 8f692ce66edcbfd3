/**
 * Order of souls and keys by their UTF-8 bytes, as stores keep them: that of code points, where a surrogate without
 * its other half stands for itself. JavaScript's `<` compares UTF-16 units, which differs beyond the basic plane.
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    if (left < 0xd800 || right < 0xd800) return left - right;
    // Behind a high surrogate that both share, the difference may lie within one code point.
    const before = at > 0 ? a.charCodeAt(at - 1) : 0;
    const from = before >= 0xd800 && before <= 0xdbff ? at - 1 : at;
    return (a.codePointAt(from) as number) - (b.codePointAt(from) as number) || left - right;
  }
  return a.length - b.length;
}
