import { readId, writeId } from './fields.ts';
import type { Message } from './message.ts';

export const deleteMessage: Message<'delete'> = {
  code: 6,
  writeRequest(writer, request) {
    writeId(writer, request.root);
    writeId(writer, request.secret);
  },
  readRequest(reader) {
    return { type: 'delete', root: readId(reader), secret: readId(reader) };
  },
  writeAnswer(writer, answer) {
    writer.u32(answer.removedRecords);
  },
  readAnswer(reader) {
    return { removedRecords: reader.u32() };
  },
};
