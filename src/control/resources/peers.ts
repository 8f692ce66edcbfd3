import { text, whole } from '../fields.ts';
import type { Route } from '../server.ts';

/** Other nodes: who they are, meeting one, ending and granting membership. */
export const peerRoutes: Readonly<Record<string, Route>> = {
  'POST /v1/peers': async (exchange, api) => exchange.json(await api.peers()),

  'POST /v1/peers/connect': async (exchange, api) => {
    exchange.json(await api.connectPeer(exchange.options({ required: { address: text(1, 1024) }, optional: {} }).address));
  },

  'POST /v1/peers/revoke': async (exchange, api) => {
    await api.revokePeer(exchange.options({ required: { peer: text(1, 1024) }, optional: {} }).peer);
    exchange.json({});
  },

  'POST /v1/invite': async (exchange, api) => {
    exchange.json(await api.invite(exchange.options({ required: { uses: whole(1), expiresMs: whole(1) }, optional: {} })));
  },
};
