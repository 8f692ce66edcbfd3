import { EventQueue } from '../event-lines.ts';
import { listOf, oneOf } from '../fields.ts';
import type { Route } from '../server.ts';

/** 4,096 blocks of IPv6, as many as the firewall takes. */
const longestAllowlist = 256 * 1024;
const kinds = listOf(oneOf('peer', 'object', 'repair', 'firewall', 'message', 'graph'), 6);

/** Watching the node and steering what runs in it. */
export const controlRoutes: Readonly<Record<string, Route>> = {
  /** Endless: until the client goes away or the node stops. */
  'POST /v1/events': async (exchange, api) => {
    const asked = exchange.options({ required: { kinds }, optional: {} });
    const queue = new EventQueue();
    const stop = api.subscribe(asked.kinds, queue.push);
    const ends = AbortSignal.any([exchange.signal, exchange.closing]);
    ends.addEventListener('abort', queue.end, { once: true });
    if (ends.aborted) queue.end();
    try {
      await exchange.stream(undefined, 'application/jsonl', queue.blocks());
    } finally {
      stop();
    }
  },

  'POST /v1/firewall': async (exchange, api) => exchange.json(await api.firewall()),

  'POST /v1/firewall/set': async (exchange, api) => {
    // One a line in the body: a long list does not fit the headers.
    const list = await exchange.text(longestAllowlist);
    exchange.json(await api.setFirewall(list.split('\n').filter((line) => line !== '')));
  },

  'POST /v1/repair': async (exchange, api) => exchange.json(await api.repair()),

  'POST /v1/repair/control': async (exchange, api) => {
    exchange.json(await api.controlRepair(exchange.options({ required: { action: oneOf('runOnce', 'pause', 'resume') }, optional: {} }).action));
  },
};
