import type { ObjectRecord } from '../../api/api.ts';
import { text } from '../fields.ts';
import type { Route } from '../server.ts';
import { longestText } from './content.ts';

const referenceShape = { required: { reference: text(0, longestText) }, optional: {} };

/** What is known of objects: listing, searching, looking closely, removing. */
export const catalogueRoutes: Readonly<Record<string, Route>> = {
  'POST /v1/list': (exchange, api) => exchange.stream(undefined, 'application/jsonl', lines(api.list())),

  'POST /v1/search': async (exchange, api) => {
    const { pattern } = exchange.options({ required: { pattern: text(0, longestText) }, optional: {} });
    await exchange.stream(undefined, 'application/jsonl', lines(api.search(pattern)));
  },

  'POST /v1/info': async (exchange, api) => exchange.json(await api.info(exchange.options(referenceShape).reference)),

  'POST /v1/remove': async (exchange, api) => exchange.json(await api.remove(exchange.options(referenceShape).reference)),
};

/** One JSON object a line, sent in blocks of some KiB. */
async function* lines(records: AsyncIterable<ObjectRecord>): AsyncGenerator<Uint8Array> {
  let block = '';
  for await (const record of records) {
    block += `${JSON.stringify(record)}\n`;
    if (block.length < 32 * 1024) continue;
    yield Buffer.from(block);
    block = '';
  }
  if (block !== '') yield Buffer.from(block);
}
