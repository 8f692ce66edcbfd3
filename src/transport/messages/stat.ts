import type { Message } from './message.ts';

export const statMessage: Message<'stat'> = {
  code: 4,
  writeRequest() {},
  readRequest() {
    return { type: 'stat' };
  },
  writeAnswer(writer, answer) {
    writer.u64(answer.liveBytes).u64(answer.freeBytes).u64(answer.objects).u64(answer.label);
  },
  readAnswer(reader) {
    return { liveBytes: reader.u64(), freeBytes: reader.u64(), objects: reader.u64(), label: reader.u64() };
  },
};
