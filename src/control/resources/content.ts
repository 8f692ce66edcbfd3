import { oneOf, text, whole } from '../fields.ts';
import type { Route } from '../server.ts';

/** Longest text of an option: bounded by the headers, and told apart from them here. */
export const longestText = 16 * 1024;

export const putShape = {
  required: { name: text(0, longestText) },
  optional: {
    mediaType: text(0, longestText), ack: oneOf('memory', 'some', 'all'), expectedBytes: whole(0), requestId: text(0, longestText),
    dictionary: text(1, longestText),
  },
};

export const getShape = {
  required: { reference: text(0, longestText) },
  optional: { offset: whole(0), length: whole(0), path: text(0, longestText) },
};

/** Single files, in and out. */
export const contentRoutes: Readonly<Record<string, Route>> = {
  'POST /v1/put': async (exchange, api) => {
    const options = exchange.options(putShape);
    exchange.json(await api.put(exchange.body(), { ...options, signal: exchange.signal }));
  },

  'POST /v1/get': async (exchange, api) => {
    const { reference, ...options } = exchange.options(getShape);
    const { content, ...object } = await api.get(reference, { ...options, signal: exchange.signal });
    await exchange.stream(object, 'application/octet-stream', content);
  },
};
