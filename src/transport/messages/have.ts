import { readFlags, readId, readList, writeId, writeList } from './fields.ts';
import type { Message } from './message.ts';

const maxStripes = 65_536;
const knownFlag = 1;
const deletedFlag = 2;

export const haveMessage: Message<'have'> = {
  code: 3,
  writeRequest(writer, request) {
    writeId(writer, request.root);
    writer.u32(request.firstStripe).u32(request.stripes);
  },
  readRequest(reader) {
    const root = readId(reader);
    const firstStripe = reader.u32();
    const stripes = reader.u32();
    if (stripes > maxStripes) throw new RangeError(`${stripes} stripes are asked for, at most ${maxStripes} are told`);
    return { type: 'have', root, firstStripe, stripes };
  },
  writeAnswer(writer, answer) {
    writer.u8((answer.known ? knownFlag : 0) | (answer.deleted ? deletedFlag : 0));
    writeList(writer, answer.masks, maxStripes, (mask) => writer.u16(mask));
  },
  readAnswer(reader) {
    const flags = readFlags(reader, knownFlag | deletedFlag);
    const masks = Uint16Array.from(readList(reader, maxStripes, 2, () => reader.u16()));
    return { known: (flags & knownFlag) !== 0, deleted: (flags & deletedFlag) !== 0, masks };
  },
};
