import { PangeaError } from '../src/errors/errors.ts';
import { list } from './rivals/rivals.ts';
import type { SubjectStart } from './subject.ts';

/** The rivals asked for, the missing ones among them. Throws `USAGE` for one that nobody knows. */
export async function chooseRivals(against: readonly string[] | undefined): Promise<readonly SubjectStart[]> {
  const known = await list();
  const unknown = against?.find((name) => !known.some(({ id }) => id === name));
  if (unknown !== undefined) {
    throw new PangeaError('USAGE', `--against ${unknown}: there is no such rival; there are ${known.map(({ id }) => id).join(', ')}, and none`);
  }
  return against === undefined ? known : known.filter(({ id }) => against.includes(id));
}
