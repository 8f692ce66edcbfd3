/** How values of the graph are typed on a command line, and shown on a terminal. */
import type { GraphInput, GraphScalar, GraphValue } from '../../control/control.ts';
import { PangeaError } from '../../errors/errors.ts';
import { humanTime, printable } from '../format.ts';

/**
 * `key=value`: numbers, `true`, `false`, `null` and quoted text as JSON has them, all else as text. `key=@soul` is a link;
 * text that begins with `@` goes in quotes.
 */
export function inputOf(words: readonly string[]): GraphInput {
  const input: Record<string, GraphScalar | { '#': string }> = Object.create(null) as Record<string, never>;
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) throw new PangeaError('USAGE', `graph put: "${word.slice(0, 80)}" is not key=value`);
    const key = word.slice(0, at);
    if (Object.hasOwn(input, key)) throw new PangeaError('USAGE', `graph put: ${key.slice(0, 80)} is given twice`);
    input[key] = valueOf(word.slice(at + 1));
  }
  return input;
}

function valueOf(text: string): GraphScalar | { '#': string } {
  if (text.startsWith('@') && text.length > 1) return { '#': text.slice(1) };
  if (!/^(?:true|false|null|-?\d|")/.test(text)) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? text : (value as GraphScalar);
  } catch {
    return text;
  }
}

const shownLetters = 400;

export function valueText(value: GraphValue): string {
  if (typeof value === 'object' && value !== null) return `-> ${printable(value['#'])}`;
  const text = typeof value === 'string' ? printable(JSON.stringify(value)) : String(value);
  return text.length > shownLetters ? `${text.slice(0, shownLetters)}… (${text.length} letters)` : text;
}

/** States are times, but for what others made up. */
export function stateText(state: number): string {
  return Math.abs(state) < 8.64e15 ? humanTime(state) : String(state);
}
