/**
 * Order of the UTF-8 bytes of two texts, without encoding them. It is that of code points, lone surrogates
 * taken for their own; JavaScript's `<` compares UTF-16 units, which differs beyond the basic plane.
 */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const unitA = a.charCodeAt(at);
    const unitB = b.charCodeAt(at);
    if (unitA === unitB) continue;
    if (unitA < 0xd800 || unitB < 0xd800) return unitA - unitB;
    // Behind a high surrogate that both share, the difference may lie within one code point.
    const from = at > 0 && isHigh(a.charCodeAt(at - 1)) ? at - 1 : at;
    return (a.codePointAt(from) as number) - (b.codePointAt(from) as number) || unitA - unitB;
  }
  return a.length - b.length;
}

/** Bytes of a text in UTF-8, a lone surrogate counted as the three that it takes in ours. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    // A pair of surrogates takes four bytes and has been counted as one and two.
    if (isHigh(unit) && isLow(text.charCodeAt(at + 1))) at++;
  }
  return bytes;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
