/** Puts together what clients of the existing network call, and the protocols that this node speaks with its peers. */
import { formatAddress, isLoopbackHost, type NodeConfig } from '../config/config.ts';
import type { Codec } from '../codec/codec.ts';
import type { PeerId } from '../ids/ids.ts';
import { ForeignSpace, type Objects } from '../objects/objects.ts';
import { systemClock, systemRandom } from '../std/std.ts';
import type { Logger, Metrics } from '../telemetry/telemetry.ts';
import { serveForeign } from '../transport/transport.ts';
import type { Disk } from './disk.ts';
import type { Events } from './events.ts';
import { Blocks, blockKeyContext } from './mixed-blocks.ts';
import { ConfigKeeper } from './mixed-config.ts';
import { Files } from './mixed-files.ts';
import { Labels } from './mixed-labels.ts';
import { Links, type LinksParts } from './mixed-links.ts';
import type { Load } from './mixed-load.ts';
import { Messages } from './mixed-messages.ts';
import { Uploads } from './mixed-uploads.ts';
import { MixedCalls } from './mixed.ts';
import type { Network } from './network.ts';
import { viewer } from './peer-view.ts';
import { compressionOf } from './settings.ts';

export interface MixedOptions {
  readonly config: () => NodeConfig;
  readonly label: number;
  readonly disk: Disk;
  readonly network: Network;
  readonly objects: Objects;
  readonly codec: Codec;
  readonly events: Events;
  readonly load: Load;
  readonly claimants: LinksParts['claimants'];
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface OpenedMixed {
  readonly calls: MixedCalls;
  /** Waits for what is being stored. */
  stop(): Promise<void>;
}

export function openMixed({ config, label, disk, network, objects, codec, events, load, claimants, logger, metrics }: MixedOptions): OpenedMixed {
  const { host, transport, peers, firewall, quic } = network;
  const clock = systemClock;
  // The host lets everybody in; in a private network only members that said hello are answered.
  const admits = (peer: PeerId): boolean => disk.membership === undefined || transport.connectedPeers().includes(peer);

  const foreign = new ForeignSpace({
    store: disk.store, codec, clock, logger: logger.child({ part: 'foreign' }), metrics,
    handle: (peer, request, body) => objects.handle(peer, request, body), quotaBytes: () => config().foreignQuota,
  });
  foreign.start();
  serveForeign({ host, clock, logger: logger.child({ part: 'foreign' }), shards: foreign, admits });

  const labels = new Labels({ own: label, localPeer: host.peerId, peers, events, clock });
  const messages = new Messages({
    host, clock, admits,
    onMessage: (from, data) => events.emit({ kind: 'message', from, label: labels.labelOf(from), data }),
  });
  messages.serve();
  const blocks = new Blocks({ codec, key: codec.deriveKey(blockKeyContext, disk.owner.catalogueKey), compression: () => compressionOf(config()), clock });
  const uploads = new Uploads(disk.kv);
  objects.on({ removed: ({ root }) => uploads.forget(root) });
  const files = new Files({
    objects, blocks, labels, uploads, host, clock, random: systemRandom,
    fetchHere: async (hash, index) => {
      const body = await foreign.fetch(host.peerId, hash, index);
      const bytes = body?.bytes().slice();
      body?.release();
      return bytes;
    },
  });
  const links = new Links({
    host, transport, hasQuic: quic !== undefined, peers, firewall, labels, claimants, clock, isPrivate: disk.membership !== undefined,
    view: (record) => viewer(network)(record),
  });
  const settings = new ConfigKeeper(disk.kv, clock, () => ({
    nodeId: label, capnpAddr: formatAddress(config().rpcAddr), libp2pPort: config().dhtAddr.port, useLibp2p: true,
    localMode: isLoopbackHost(config().dhtAddr.host), bootstrapPeers: config().bootstrap, lastSavedAt: '', customSettings: {},
  }));
  load.start();
  return {
    calls: new MixedCalls({ host, peers, labels, links, messages, blocks, files, load, settings }),
    stop: async () => {
      load.stop();
      await Promise.all([foreign.stop(), uploads.stop()]);
    },
  };
}
