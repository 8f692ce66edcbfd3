/** JSON, one value a line: how lists of any length pass the socket. */
import { PangeaError } from '../errors/errors.ts';
import { parseJson } from '../std/std.ts';

const blockLetters = 32 * 1024;
/** Of what goes over the socket in lines. */
const deepest = 32;

/** In blocks of some KiB; with `atOnce` each value in a block of its own, for those that come when something happens. */
export async function* encodeLines(values: AsyncIterable<unknown>, atOnce = false): AsyncGenerator<Uint8Array> {
  let block = '';
  for await (const value of values) {
    block += `${JSON.stringify(value)}\n`;
    if (!atOnce && block.length < blockLetters) continue;
    yield Buffer.from(block);
    block = '';
  }
  if (block !== '') yield Buffer.from(block);
}

/** Throws `PROTOCOL` on a line that is not JSON, or has more than `longestLine` UTF-16 units. */
export async function* decodeLines(chunks: AsyncIterable<Uint8Array>, longestLine: number): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let held = 0;
  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      if (held + end > longestLine) throw tooLong(longestLine);
      yield parsed(parts.join('') + text.slice(0, end));
      text = text.slice(end + 1);
      [parts, held] = [[], 0];
    }
    parts.push(text);
    held += text.length;
    if (held > longestLine) throw tooLong(longestLine);
  }
  if (held > 0) throw new PangeaError('PROTOCOL', 'the last line is cut off');
}

function tooLong(longestLine: number): PangeaError {
  return new PangeaError('PROTOCOL', `a line has more than ${longestLine} letters`);
}

function parsed(line: string): unknown {
  try {
    const read = parseJson(line, deepest);
    if (read) return read.value;
  } catch (error) {
    throw new PangeaError('PROTOCOL', 'a line is not JSON', { cause: error });
  }
  throw new PangeaError('PROTOCOL', `a line is deeper than ${deepest} levels`);
}
