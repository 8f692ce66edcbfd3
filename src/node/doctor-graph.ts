/** The graph, where the node serves one: who can come, who was named and is not there, whether writes are kept. */
import type { DoctorCheck, GraphStatus } from '../api/api.ts';
import { isLoopbackHost, type NodeConfig } from '../config/config.ts';
import { bytesText } from './part-line.ts';

export function checkGraph(status: GraphStatus, { graphAddr, graphStore, graphOrigins }: NodeConfig): readonly DoctorCheck[] {
  if (status.state === 'off' || graphAddr === 'off') return [];
  const { address, peers, store, fields, relays } = status;
  const counts = `${peers.relays} relays and ${peers.leaves} leaves connected`;
  const isLocal = isLoopbackHost(graphAddr.host);
  const serving: DoctorCheck = isLocal
    ? { check: 'graph', verdict: 'ok', detail: `${address}, on this machine alone; ${counts}`, advice: '' }
    : {
      check: 'graph', verdict: 'ok', detail: `${address}; ${counts}`,
      advice: graphOrigins.includes('loopback') && graphOrigins.length === 1 ? 'pages of other machines are refused: name them with --graph-origins' : '',
    };
  return [serving, checkStore(store, fields.unstored, status.failedWrites, graphStore), ...relays.map(checkRelay)];
}

function checkStore(store: GraphStatus['store'], unstored: number, failedWrites: number, configured: string): DoctorCheck {
  const check = 'graph store';
  const detail = `${store.name}, ${bytesText(store.bytes)}`;
  if (failedWrites > 0 && unstored > 0) {
    return { check, verdict: 'failed', detail: `${detail}; ${unstored} fields could not be written, after ${failedWrites} attempts`, advice: 'is the disk full, or read-only? the log says why; they are written again until they are kept' };
  }
  if (configured === 'memory') return { check, verdict: 'warning', detail: `${detail}; it is gone when the node stops`, advice: 'keep it: --graph-store disk' };
  return { check, verdict: 'ok', detail, advice: '' };
}

function checkRelay({ url, state }: GraphStatus['relays'][number]): DoctorCheck {
  const check = 'graph relay';
  if (state === 'open') return { check, verdict: 'ok', detail: `${url}: connected`, advice: '' };
  if (state === 'self') return { check, verdict: 'warning', detail: `${url} leads to this very node`, advice: 'take it out of graph-peers' };
  return { check, verdict: 'failed', detail: `${url}: not connected`, advice: 'is it running, is the address right, does a firewall stand between?' };
}
