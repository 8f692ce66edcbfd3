import type { GraphInput, GraphInterest, GraphRecord } from '../../api/api.ts';
import { PangeaError } from '../../errors/errors.ts';
import { checkShape, listOf, text, whole, type Field, type Shaped } from '../fields.ts';
import { decodeLines, encodeLines } from '../record-lines.ts';
import type { Route } from '../server.ts';
import { longestText } from './content.ts';

/** A put is one node with values in it; what is larger goes in several. */
const longestPut = 32 * 1024 * 1024;
/** A record is a whole node; the largest that a gun.js relay writes into one of its files is of this order. */
const longestRecord = 64 * 1024 * 1024;
const longestWaitMs = 60_000;

const soul = text(1, longestText);
const object: Field<GraphInput> = { accepts: (value): value is GraphInput => typeof value === 'object' && value !== null && !Array.isArray(value) };
const longText = text(0, longestText);
const limit: Field<{ readonly fields: number; readonly chars: number }> = {
  accepts: (value): value is { fields: number; chars: number } => 'value' in checkShape(value, { required: { fields: whole(1), chars: whole(1) }, optional: {} }),
};
const rangeShape = {
  required: { soul }, optional: { key: longText, prefix: longText, from: longText, to: longText, after: longText, limit, waitMs: whole(0, longestWaitMs) },
};
const flag: Field<boolean> = { accepts: (value): value is boolean => typeof value === 'boolean' };
/** Souls of one watch. */
const mostSouls = 1_024;
const watchShape = { required: {}, optional: { souls: listOf(soul, mostSouls), prefix: longText, whole: flag } };
const prefixShape = { required: {}, optional: { prefix: longText } };
const soulsShape = { required: {}, optional: { prefix: longText, after: longText } };

/** The realtime graph. What values may be is decided by the graph, not here. */
export const graphRoutes: Readonly<Record<string, Route>> = {
  'POST /v1/graph/status': async (exchange, { graph }) => exchange.json(await graph.status()),
  'POST /v1/graph/peers': async (exchange, { graph }) => exchange.json(await graph.peers()),

  'POST /v1/graph/get': async (exchange, { graph }) => {
    const { soul: of, ...options } = exchange.options(rangeShape);
    exchange.json({ node: (await graph.get(of, options)) ?? null });
  },

  'POST /v1/graph/put': async (exchange, { graph }) => {
    const checked = checkShape(jsonOf(await exchange.text(longestPut)), { required: { soul, input: object }, optional: {} });
    if ('misfit' in checked) throw new PangeaError('USAGE', `put: ${checked.misfit.slice(0, 80)} is missing, unknown or out of range`);
    exchange.json(await graph.put(checked.value.soul, checked.value.input));
  },

  /** Endless: until the client goes away or the node stops. */
  'POST /v1/graph/watch': async (exchange, { graph }) => {
    const interest = interestOf(exchange.options(watchShape));
    const ends = AbortSignal.any([exchange.signal, exchange.closing]);
    await exchange.stream(undefined, 'application/jsonl', encodeLines(graph.watch(interest, ends), true));
  },

  'POST /v1/graph/souls': async (exchange, { graph }) => {
    const { prefix, after } = exchange.options(soulsShape);
    await exchange.stream(undefined, 'application/jsonl', encodeLines(graph.souls(prefix, after)));
  },

  'POST /v1/graph/export': async (exchange, { graph }) => {
    const { prefix } = exchange.options(prefixShape);
    await exchange.stream(undefined, 'application/jsonl', encodeLines(graph.export(prefix)));
  },

  'POST /v1/graph/import': async (exchange, { graph }) => {
    const records = decodeLines(exchange.body(), longestRecord) as AsyncIterable<GraphRecord>;
    exchange.json(await graph.import(records));
  },
};

function interestOf({ souls, prefix, whole: isWhole = false }: Shaped<typeof watchShape>): GraphInterest {
  if ((souls === undefined) === (prefix === undefined)) throw new PangeaError('USAGE', 'watch: either souls or a prefix of souls');
  return { souls: souls ?? { prefix: prefix as string }, whole: isWhole };
}

function jsonOf(given: string): unknown {
  try {
    return JSON.parse(given) as unknown;
  } catch {
    return undefined;
  }
}
