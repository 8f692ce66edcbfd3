import type { PeerRecord } from './peers.ts';

/** Labels (`--node-id`) that more than one of these peers carries. Add the local node's own label by hand. */
export function ambiguousLabels(records: readonly Pick<PeerRecord, 'label'>[]): ReadonlySet<number> {
  const seen = new Set<number>();
  const twice = new Set<number>();
  for (const { label } of records) {
    if (label === undefined) continue;
    if (seen.has(label)) twice.add(label);
    seen.add(label);
  }
  return twice;
}
