import { parsePeerId } from '../../ids/ids.ts';
import type { ByteReader } from '../../std/std.ts';
import { limits, type LayoutRequest } from '../transport.ts';
import { readDurability, readId, readList, readText, writeDurability, writeId, writeList, writeText } from './fields.ts';
import type { Message } from './message.ts';

const maxPages = 8192;
const maxInline = 4096;
const maxMissing = 4096;
const holderCount = 12;
const maxHolderBytes = 64;

/** The body is header, pages, manifest and inline shards, one behind the other, in the lengths given here. */
export const layoutMessage: Message<'layout'> = {
  code: 5,
  writeRequest(writer, request) {
    writeId(writer, request.root);
    writeId(writer, request.object);
    writer.u32(request.headerBytes).u32(request.manifestBytes).u16(request.slots);
    writeDurability(writer, request.durability);
    for (let slot = 0; slot < holderCount; slot++) writeText(writer, request.holders[slot] ?? '', maxHolderBytes);
    writeList(writer, request.pageBytes, maxPages, (bytes) => writer.u32(bytes));
    writeList(writer, request.inline, maxInline, (shard) => writer.u32(shard.stripe).u8(shard.row).u32(shard.byteLength));
  },
  readRequest(reader) {
    const request: LayoutRequest = {
      type: 'layout',
      root: readId(reader),
      object: readId(reader),
      headerBytes: reader.u32(),
      manifestBytes: reader.u32(),
      slots: readSlots(reader),
      durability: readDurability(reader),
      holders: Array.from({ length: holderCount }, () => readHolder(reader)),
      pageBytes: readList(reader, maxPages, 4, () => reader.u32()),
      inline: readList(reader, maxInline, 9, () => ({ stripe: reader.u32(), row: reader.u8(), byteLength: reader.u32() })),
    };
    if (bodyBytes(request) > limits.bodyBytes) throw new RangeError('the parts of the body are longer than a body may be');
    return request;
  },
  writeAnswer(writer, answer) {
    writeDurability(writer, answer.durability);
    writeList(writer, answer.missing, maxMissing, (shard) => writer.u32(shard.stripe).u8(shard.row));
  },
  readAnswer(reader) {
    return {
      durability: readDurability(reader),
      missing: readList(reader, maxMissing, 5, () => ({ stripe: reader.u32(), row: reader.u8() })),
    };
  },
};

function readSlots(reader: ByteReader): number {
  const slots = reader.u16();
  if (slots >= 1 << holderCount) throw new RangeError(`slots ${slots} name more than ${holderCount} holders`);
  return slots;
}

function readHolder(reader: ByteReader): string {
  const holder = readText(reader, maxHolderBytes);
  if (holder !== '' && parsePeerId(holder) === undefined) throw new RangeError('a holder is no PeerId');
  return holder;
}

function bodyBytes(request: LayoutRequest): number {
  let total = request.headerBytes + request.manifestBytes;
  for (const bytes of request.pageBytes) total += bytes;
  for (const shard of request.inline) total += shard.byteLength;
  return total;
}
