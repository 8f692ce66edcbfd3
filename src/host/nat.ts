import type { NatReport } from './host.ts';

/** What a host says that does nothing about NATs. */
export function noNat(detail: string): NatReport {
  return {
    reachability: 'unknown', observed: [], confirmed: [], upnp: { state: 'off', detail }, relays: [], punches: [],
    carrying: { circuits: 0, reservations: 0 },
  };
}
