/**
 * The rules of a graph store read as simply as can be: every write kept in a list, every question answered by going through it.
 * The reference that each variant, the one in memory too, must agree with.
 */
import { GraphNode } from '../../src/graph/data/node.ts';
import type { Delta, Field, Lex } from '../../src/graph/data/types.ts';

export class NaiveStore {
  readonly #writes: readonly (readonly Delta[])[];

  constructor(writes: readonly (readonly Delta[])[]) {
    this.#writes = writes;
  }

  async read(souls: readonly string[]): Promise<(GraphNode | undefined)[]> {
    return souls.map((soul) => {
      const fields = this.#fields(soul);
      return fields.size > 0 ? GraphNode.from({ soul, fields: [...fields.values()] }) : undefined;
    });
  }

  async range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    const fields = inOrder([...this.#fields(soul).values()], (field) => field.key, lex);
    const within: Field[] = [];
    let spent = 0;
    for (const field of fields) {
      spent += size(field.key) + (typeof field.value === 'string' ? size(field.value) : typeof field.value === 'number' ? 8 : field.value !== null && typeof field.value === 'object' ? size(field.value['#']) : 1);
      if (within.length > 0 && spent > (lex['%'] ?? Infinity)) break;
      within.push(field);
    }
    return within.length > 0 ? GraphNode.from({ soul, fields: within }) : undefined;
  }

  async *souls(lex: Lex = {}): AsyncIterable<string> {
    yield* inOrder([...new Set(this.#writes.flat().map(({ soul }) => soul))], (soul) => soul, lex);
  }

  #fields(soul: string): Map<string, Field> {
    const found = new Map<string, Field>();
    for (const field of this.#writes.flat().filter((delta) => delta.soul === soul).flatMap(({ fields }) => fields)) {
      const known = found.get(field.key);
      if (!known || field.state > known.state || (field.state === known.state && JSON.stringify(field.value) > JSON.stringify(known.value))) found.set(field.key, field);
    }
    return found;
  }
}

export function byBytes(texts: readonly string[]): string[] {
  return inOrder(texts, (text) => text, {});
}

function inOrder<T>(items: readonly T[], text: (item: T) => string, lex: Lex): T[] {
  const found = items.filter((item) => match(text(item), lex)).sort((a, b) => Buffer.compare(bytes(text(a)), bytes(text(b))));
  return lex['-'] ? found.reverse() : found;
}

/** GUN's `String.match`, but an empty prefix takes all, and so does a lex that asks for nothing. */
function match(text: string, { '=': exact, '*': prefix, '>': from, '<': to }: Lex): boolean {
  if (exact !== undefined) return text === exact;
  if (prefix !== undefined) return text.startsWith(prefix);
  if (from === undefined) return to === undefined || text <= to;
  return text.startsWith(from) || (text >= from && (to === undefined || text <= to));
}

/** UTF-32, which orders as UTF-8 does, lone surrogates included. */
function bytes(text: string): Buffer {
  const points = [...text];
  const out = Buffer.alloc(points.length * 4);
  points.forEach((point, at) => out.writeUInt32BE(point.codePointAt(0) as number, at * 4));
  return out;
}

function size(text: string): number {
  return Buffer.byteLength(text);
}
