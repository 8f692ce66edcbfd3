import { z } from 'zod';
import type { GetOptions, PutOptions } from '../../api/api.ts';
import type { Route } from '../server.ts';

export const putSchema = z.strictObject({
  name: z.string(),
  mediaType: z.string().optional(),
  ack: z.enum(['memory', 'some', 'all']).optional(),
  expectedBytes: z.int().nonnegative().optional(),
  requestId: z.string().optional(),
});

export const getSchema = z.strictObject({
  reference: z.string(),
  offset: z.int().nonnegative().optional(),
  length: z.int().nonnegative().optional(),
  path: z.string().optional(),
});

/** Single files, in and out. */
export const contentRoutes: Readonly<Record<string, Route>> = {
  'POST /v1/put': async (exchange, api) => {
    const options = exchange.options(putSchema) as PutOptions;
    exchange.json(await api.put(exchange.body(), { ...options, signal: exchange.signal }));
  },

  'POST /v1/get': async (exchange, api) => {
    const { reference, ...options } = exchange.options(getSchema) as GetOptions & { reference: string };
    const { content, ...object } = await api.get(reference, { ...options, signal: exchange.signal });
    await exchange.stream(object, 'application/octet-stream', content);
  },
};
