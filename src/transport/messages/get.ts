import { readId, writeId } from './fields.ts';
import type { Message } from './message.ts';

/** The answer's body is the range. `row` is 32 bits wide because it numbers the pages of a layout too. */
export const getMessage: Message<'get'> = {
  code: 2,
  writeRequest(writer, request) {
    writeId(writer, request.object);
    writer.u8(request.kind).u32(request.stripe).u32(request.row).u32(request.offset).u32(request.length);
  },
  readRequest(reader) {
    return {
      type: 'get',
      object: readId(reader),
      kind: reader.u8(),
      stripe: reader.u32(),
      row: reader.u32(),
      offset: reader.u32(),
      length: reader.u32(),
    };
  },
  writeAnswer(writer, answer) {
    writer.u64(answer.totalBytes);
  },
  readAnswer(reader) {
    return { totalBytes: reader.u64() };
  },
};
