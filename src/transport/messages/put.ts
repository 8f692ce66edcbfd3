import { readDurability, readFlags, readId, writeDurability, writeId } from './fields.ts';
import type { Message } from './message.ts';

const repairFlag = 1;

/** The body is the shard. */
export const putMessage: Message<'put'> = {
  code: 1,
  writeRequest(writer, request) {
    writeId(writer, request.object);
    writer.u32(request.stripe).u8(request.row);
    writeId(writer, request.identity);
    writeDurability(writer, request.durability);
    writer.u8(request.repair ? repairFlag : 0);
  },
  readRequest(reader) {
    return {
      type: 'put',
      object: readId(reader),
      stripe: reader.u32(),
      row: reader.u8(),
      identity: readId(reader),
      durability: readDurability(reader),
      repair: readFlags(reader, repairFlag) !== 0,
    };
  },
  writeAnswer(writer, answer) {
    writeDurability(writer, answer.durability);
  },
  readAnswer(reader) {
    return { durability: readDurability(reader) };
  },
};
