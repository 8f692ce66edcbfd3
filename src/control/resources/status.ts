import type { Route } from '../server.ts';

/** The node about itself. */
export const statusRoutes: Readonly<Record<string, Route>> = {
  'POST /v1/status': async (exchange, api) => exchange.json(await api.status()),
  'POST /v1/plan': async (exchange, api) => exchange.json(await api.plan()),
};
