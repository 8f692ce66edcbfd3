/** The calls of `NodeService` that carry whole blocks: one at a time may be as large as a message, so they wait for room. */
import { PangeaError } from '../../errors/errors.ts';
import { ownCopy } from '../bridge/bytes.ts';
import { limits } from '../limits.ts';
import {
  NodeService_CesProcess$Params, NodeService_CesProcess$Results, NodeService_CesReconstruct$Params, NodeService_CesReconstruct$Results,
  NodeService_Download$Params, NodeService_Download$Results, NodeService_Upload$Params, NodeService_Upload$Results,
  type ShardLocation,
} from '../schema/pangea.ts';
import { answer, method, type Method } from './method.ts';
import { outcome, reasonOf, writeOutcome } from './outcome.ts';
import { boundedList, boundedText, boundedView } from './read.ts';
import type { Surface } from './surface.ts';
import { fillBytes, fillStructs, roomOf, whole } from './write.ts';

const dataShards = 8;
const parityShards = 4;
const shardCount = dataShards + parityShards;
/** The sealed form of a block is a little longer than the block. */
const sealRoomBytes = 1024 * 1024;

export function blockMethods(surface: Surface): { cesProcess: Method; cesReconstruct: Method; upload: Method; download: Method } {
  const { node: { mixed } } = surface;
  /** Copies what lies in the parameters once there is room for it. */
  const withRoom = async <T>(bytes: number, signal: AbortSignal, run: () => Promise<T>): Promise<T> => {
    const release = await surface.block(bytes, signal);
    try {
      const done = await run();
      // The room stays taken while the client is slow to take what it asked for before.
      await surface.pace(signal);
      return done;
    } finally {
      release();
    }
  };

  return {
    cesProcess: method(surface, NodeService_CesProcess$Params, NodeService_CesProcess$Results, ({ request }) => ({
      data: boundedView('the block', request._hasData(), () => request.data, limits.blockBytes), level: request.compressionLevel,
    }), ({ data, level }, { signal }) => withRoom(data.length * 2, signal, async () => {
      const { value: shards = [], error } = await outcome(mixed.cesProcess(ownCopy(data), level));
      return answer((results) => {
        const response = results._initResponse();
        writeOutcome(response, error);
        fillStructs(response._initShards(shards.length), shards, (to, shard) => fillBytes(to._initData(shard.length), shard));
        shards.forEach((_, index) => void (response.shards.get(index).index = index));
      }, 1024 + shards.reduce((sum, { length }) => sum + length + 32, 0));
    })),

    cesReconstruct: method(surface, NodeService_CesReconstruct$Params, NodeService_CesReconstruct$Results, ({ request }) => {
      const most = limits.blockBytes / dataShards + sealRoomBytes;
      const shards = boundedList('the shards', request._hasShards(), () => request.shards, (shard) => ({
        index: shard.index, data: boundedView('a shard', shard._hasData(), () => shard.data, most),
      }), shardCount);
      return placed(shards, boundedList('the flags', request._hasShardPresent(), () => request.shardPresent, Boolean, shardCount));
    }, (rows, { signal }) => withRoom(rows.reduce((sum, row) => sum + (row?.length ?? 0), 0), signal, async () => {
      const { value, error } = await outcome(mixed.cesReconstruct(rows.map((row) => row && ownCopy(row))));
      return answer((results) => {
        const response = results._initResponse();
        writeOutcome(response, error);
        if (value !== undefined) fillBytes(response._initData(value.length), value);
      }, 1024 + (value?.length ?? 0));
    })),

    upload: method(surface, NodeService_Upload$Params, NodeService_Upload$Results, ({ request }) => ({
      data: boundedView('the data', request._hasData(), () => request.data, limits.blockBytes),
      preferred: boundedList('the peers', request._hasTargetPeers(), () => request.targetPeers, Number),
    }), ({ data, preferred }, { signal }) => withRoom(data.length, signal, async () => {
      const { value, error } = await outcome(mixed.upload(ownCopy(data), preferred));
      return answer((results) => {
        const response = results._initResponse();
        writeOutcome(response, error);
        if (value === undefined) return;
        const manifest = response._initManifest();
        manifest.fileHash = value.root;
        manifest.fileName = value.name;
        manifest.fileSize = whole(value.bytes);
        manifest.shardCount = dataShards;
        manifest.parityCount = parityShards;
        manifest.timestamp = whole(value.createdMs / 1000);
        fillStructs(manifest._initShardLocations(value.places.length), value.places, (to, { index, label }) => {
          to.shardIndex = index;
          to.peerId = label;
        });
      }, 512 + (value === undefined ? 0 : roomOf(value.root, value.name) + value.places.length * 8) + (error === undefined ? 0 : roomOf(reasonOf(error))));
    })),

    download: method(surface, NodeService_Download$Params, NodeService_Download$Results, ({ request }) => ({
      fileHash: boundedText('the hash', request.fileHash),
      places: boundedList('the shard locations', request._hasShardLocations(), () => request.shardLocations, placeOf, limits.shardPlaces),
    }), ({ fileHash, places }, { signal }) => withRoom(limits.blockBytes, signal, async () => {
      const { value, error } = await outcome(mixed.download(fileHash, places));
      return answer((results) => {
        const response = results._initResponse();
        writeOutcome(response, error);
        if (value === undefined) return;
        fillBytes(response._initData(value.length), value);
        response.bytesDownloaded = whole(value.length);
      }, 1024 + (value?.length ?? 0));
    })),
  };
}

const placeOf = ({ shardIndex, peerId }: ShardLocation): { index: number; label: number } => ({ index: shardIndex, label: peerId });

/**
 * Twelve rows of what clients send: all twelve with flags, or those that they have with their numbers. Clients that leave the
 * numbers out mean the order.
 */
export function placed(shards: readonly { readonly index: number; readonly data: Uint8Array }[], flags: readonly boolean[]): (Uint8Array | undefined)[] {
  const isNumbered = new Set(shards.map(({ index }) => index)).size === shards.length;
  const rows: (Uint8Array | undefined)[] = Array.from({ length: shardCount }, () => undefined);
  shards.forEach(({ index, data }, position) => {
    const row = isNumbered ? index : position;
    if (row >= shardCount) throw new PangeaError('USAGE', `shard ${row}: a block has ${shardCount}`);
    const isThere = flags[flags.length === shards.length ? position : row] ?? true;
    if (isThere && data.length > 0) rows[row] = data;
  });
  return rows;
}
