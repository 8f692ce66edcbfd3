import type { Route } from '../server.ts';

/** The node about itself. */
export const statusRoutes: Readonly<Record<string, Route>> = {
  'POST /v1/status': async (exchange, api) => exchange.json(await api.status()),
  'POST /v1/plan': async (exchange, api) => exchange.json(await api.plan()),
  'POST /v1/metrics': async (exchange, api) => exchange.json({ text: await api.metrics() }),
  'POST /v1/doctor': async (exchange, api) => exchange.json(await api.doctor()),
};
