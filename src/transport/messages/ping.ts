import type { Message } from './message.ts';

export const pingMessage: Message<'ping'> = {
  code: 7,
  writeRequest() {},
  readRequest() {
    return { type: 'ping' };
  },
  writeAnswer() {},
  readAnswer() {
    return {};
  },
};
