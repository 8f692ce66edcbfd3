/** Where each row of an object was put, as its holders were told. */
import type { PeerId } from '../ids/ids.ts';
import type { GetDependencies } from './get/get.ts';
import { ensurePage, findObject } from './get/lookup.ts';
import type { Resolved } from './get/reference.ts';
import { rows, slotOf, stripesPerPage } from './format/shape.ts';
import type { ShardPosition } from './objects.ts';

export async function objectPlaces(dependencies: GetDependencies, { root }: Resolved): Promise<readonly ShardPosition[]> {
  const found = await findObject(dependencies, root);
  const holders = [...new Set([found.from, ...found.hint])].filter((peer): peer is PeerId => peer !== undefined);
  const places: ShardPosition[] = [];
  for (let stripe = 0; stripe < found.view.header.stripes; stripe++) {
    if (stripe % stripesPerPage === 0) await ensurePage(dependencies, found.view, stripe, holders);
    const { lengths } = found.view.stripe(stripe);
    for (let row = 0; row < rows; row++) {
      const peer = found.hint[slotOf(stripe, row)];
      if (peer !== undefined && lengths[row] !== 0) places.push({ stripe, row, peer });
    }
  }
  return places;
}
