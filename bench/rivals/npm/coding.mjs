// @ronomon/reed-solomon: a bit-matrix code in C on one thread of Node's pool. Its parity is not ours, so that only
// what it decodes can be compared.
import { createRequire } from 'node:module';
import { dataRows, parityRows } from './protocol.mjs';

const ReedSolomon = createRequire(import.meta.url)('@ronomon/reed-solomon');

/** Shards are multiples of this. */
export const wordBytes = 8;

const allData = (1 << dataRows) - 1;
const allParity = ((1 << parityRows) - 1) << dataRows;
const context = ReedSolomon.create(dataRows, parityRows);

/** Makes the parity of eight shards that lie one after the other. */
export function encode(data, parity) {
  return code(allData, allParity, data, parity);
}

/** Makes the first `lost` data shards again, where they lay, from the eight that follow them. */
export function decode(data, parity, lost) {
  const targets = (1 << lost) - 1;
  return code(((1 << (dataRows + lost)) - 1) & ~targets, targets, data, parity);
}

function code(sources, targets, data, parity) {
  return new Promise((resolve, reject) => {
    ReedSolomon.encode(context, sources, targets, data, 0, data.length, parity, 0, parity.length, (error) => (error ? reject(error) : resolve()));
  });
}
