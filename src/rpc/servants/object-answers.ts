/** Objects as the schema has them. */
import type { AckLevel, ObjectInfo as InfoView, ObjectRecord as RecordView, PutResult as PutView } from '../../api/api.ts';
import { Acknowledge, ObjectKind, type ListResponse, type ObjectInfo, type ObjectRecord, type PutResult } from '../schema/pangea.ts';
import type { Page } from '../rpc-node.ts';
import { answer, type Answer } from './method.ts';
import { fillStructs, roomOf, whole } from './write.ts';

const recordBytes = 96;
const levels: Readonly<Record<AckLevel, Acknowledge>> = { memory: Acknowledge.MEMORY, some: Acknowledge.SOME, all: Acknowledge.ALL };

/** `undefined` for the node's own choice, and for levels that this node does not know. */
export function ackLevelOf(value: Acknowledge): AckLevel | undefined {
  return (Object.keys(levels) as AckLevel[]).find((level) => levels[level] === value);
}

export function putResultAnswer(result: PutView): Answer<PutResult> {
  return answer((to) => {
    writeRecord(to._initObject(), result);
    to.acknowledge = levels[result.ack.asked];
    to.fsynced = result.ack.fsynced;
    to.holders = result.ack.holders;
    to.survivesFailures = result.survivesFailures;
    to.storedBytes = whole(result.storedBytes);
    to.seconds = result.seconds;
  }, 128 + recordRoom(result));
}

export function infoAnswer(info: InfoView): Answer<ObjectInfo> {
  const { holders } = info;
  return answer((to) => {
    writeRecord(to._initObject(), info);
    to.storedBytes = whole(info.storedBytes);
    to.stripes = info.stripes;
    to.isStriped = info.mode === 'striped';
    to.shardsPresent = info.shardsPresent;
    to.shardsTotal = info.shardsTotal;
    to.survivesFailures = info.survivesFailures;
    fillStructs(to._initHolders(holders.length), holders, (holder, { peer, shards, live }) => {
      holder.peerId = peer;
      holder.shards = shards;
      holder.live = live;
    });
  }, 128 + recordRoom(info) + holders.length * 128);
}

export function pageAnswer({ records, next }: Page): Answer<ListResponse> {
  return answer((to) => {
    fillStructs(to._initObjects(records.length), records, writeRecord);
    to.next = next;
  }, 128 + records.reduce((sum, record) => sum + recordRoom(record), 0));
}

function writeRecord(to: ObjectRecord, { root, link, name, kind, bytes, mediaType, createdMs }: RecordView): void {
  to.root = root;
  to.link = link;
  to.objectName = name;
  to.kind = kind === 'directory' ? ObjectKind.DIRECTORY : ObjectKind.FILE;
  to.bytes = whole(bytes);
  to.mediaType = mediaType;
  to.createdMs = whole(createdMs);
}

function recordRoom({ root, link, name, mediaType }: RecordView): number {
  return recordBytes + roomOf(root, link, name, mediaType);
}
