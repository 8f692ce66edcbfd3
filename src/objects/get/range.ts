import { PangeaError } from '../../errors/errors.ts';
import type { GetOptions } from '../types.ts';

/** From `offset` to the end unless a length is given; a range that ends behind the content is cut there. */
export function rangeOf({ offset = 0, length }: GetOptions, bytes: number): { offset: number; length: number } {
  if (!Number.isSafeInteger(offset) || offset < 0 || (length !== undefined && (!Number.isSafeInteger(length) || length < 0))) {
    throw new PangeaError('USAGE', 'offset and length are numbers of bytes, 0 or more');
  }
  const from = Math.min(offset, bytes);
  return { offset: from, length: Math.min(length ?? bytes - from, bytes - from) };
}
