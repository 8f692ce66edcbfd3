import { text, whole } from '../fields.ts';
import type { Route } from '../server.ts';
import { decodeTree, encodeTree } from '../tree-stream.ts';
import { getShape, longestText, putShape } from './content.ts';

const { ack, requestId } = putShape.optional;
const trainShape = { required: { name: text(0, longestText), bytes: whole(1) }, optional: { ack, requestId } };

/** Directories, in and out, as one framed stream. */
export const treeRoutes: Readonly<Record<string, Route>> = {
  'POST /v1/put-tree': async (exchange, api) => {
    const options = exchange.options(putShape);
    exchange.json(await api.putTree(decodeTree(exchange.body()), { ...options, signal: exchange.signal }));
  },

  'POST /v1/train-dictionary': async (exchange, api) => {
    const options = exchange.options(trainShape);
    exchange.json(await api.trainDictionary(decodeTree(exchange.body()), { ...options, signal: exchange.signal }));
  },

  'POST /v1/get-tree': async (exchange, api) => {
    const { reference, ...options } = exchange.options(getShape);
    const { name, entries } = await api.getTree(reference, { ...options, signal: exchange.signal });
    await exchange.stream({ name }, 'application/x-pangea-tree', encodeTree(entries));
  },
};
