import { z } from 'zod';
import type { Route } from '../server.ts';

/** Other nodes: who they are, meeting one, ending and granting membership. */
export const peerRoutes: Readonly<Record<string, Route>> = {
  'POST /v1/peers': async (exchange, api) => exchange.json(await api.peers()),

  'POST /v1/peers/connect': async (exchange, api) => {
    exchange.json(await api.connectPeer(exchange.options(z.strictObject({ address: z.string() })).address));
  },

  'POST /v1/peers/revoke': async (exchange, api) => {
    await api.revokePeer(exchange.options(z.strictObject({ peer: z.string() })).peer);
    exchange.json({});
  },

  'POST /v1/invite': async (exchange, api) => {
    const schema = z.strictObject({ uses: z.int().positive(), expiresMs: z.int().positive() });
    exchange.json(await api.invite(exchange.options(schema)));
  },
};
