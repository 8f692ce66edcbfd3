import { endOfString, scan } from './json-scan.ts';

/**
 * JSON of a peer. Undefined when it is deeper than `depthLimit`. Throws a SyntaxError on what is no JSON.
 *
 * `JSON.parse` of V8 (seen in Node 24.21) takes `{"a":1,"x\n":1}` for `{"a":1,"x\\":1}` when it has parsed the latter before: it compares the
 * name that it expects with what stands before the escape. So one peer could make us read other fields than another peer wrote.
 * Texts with escapes in names are parsed here, with `JSON.parse` for single strings only, and into objects without a
 * shape of which it could remember anything.
 */
export function parseJson(text: string, depthLimit: number): { readonly value: unknown } | undefined {
  const scanned = scan(text, depthLimit);
  if (scanned === 'deep') return undefined;
  return { value: scanned === 'plain' ? JSON.parse(text) : new Parser(text).document() };
}

const space = /[\t\n\r ]*/y;
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Depth was looked at before, so recursion is bounded. */
class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): unknown {
    const value = this.#value();
    this.#match(space);
    if (this.#at < this.#text.length) this.#fail();
    return value;
  }

  #value(): unknown {
    this.#match(space);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object();
      case '[':
        return this.#array();
      case '"':
        return this.#string();
      default:
        return JSON.parse(this.#match(scalar) || this.#fail());
    }
  }

  #object(): unknown {
    const object = Object.create(null) as Record<string, unknown>;
    this.#at++;
    if (this.#take('}')) return object;
    do {
      this.#match(space);
      const name = this.#string();
      if (!this.#take(':')) this.#fail();
      object[name] = this.#value();
    } while (this.#take(','));
    if (!this.#take('}')) this.#fail();
    // Links are kept as they come, and are like all others then.
    const names = Object.keys(object);
    return names.length === 1 && names[0] === '#' ? { '#': object['#'] } : object;
  }

  #array(): unknown {
    const array: unknown[] = [];
    this.#at++;
    if (this.#take(']')) return array;
    do array.push(this.#value());
    while (this.#take(','));
    return this.#take(']') ? array : this.#fail();
  }

  #string(): string {
    const from = this.#at;
    const end = this.#text[from] === '"' ? endOfString(this.#text, from + 1) : -1;
    if (end < 0) this.#fail();
    this.#at = end + 1;
    return JSON.parse(this.#text.slice(from, this.#at)) as string;
  }

  #take(sign: string): boolean {
    this.#match(space);
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #fail(): never {
    throw new SyntaxError(`not JSON at ${this.#at}`);
  }
}
