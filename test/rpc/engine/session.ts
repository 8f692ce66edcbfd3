/** Sessions word by word, as a client might send them: all kinds of messages, so that mutations of them reach all of an engine. */
import { Message, type Pointer, utils } from 'capnp-es';
import { CapDescriptor, Message as Rpc, MessageTarget, type Payload, PromisedAnswer } from 'capnp-es/capnp/rpc';
import type { Random } from '../../../src/std/std.ts';
import { probeId, write } from './probe.ts';

/** What a call is made on: an export of the server's, or pointer 0 in the results of a question. */
export type Target = { readonly imported: number } | { readonly answer: number };

const wire = (fill: (root: Rpc) => void): Uint8Array<ArrayBuffer> => {
  const message = new Message();
  fill(message.initRoot(Rpc));
  return new Uint8Array(message.toArrayBuffer());
};

const promised = (answer: PromisedAnswer, question: number): void => {
  answer.questionId = question;
  answer._initTransform(1).get(0).getPointerField = 0;
};

const aim = (to: MessageTarget, target: Target): void => {
  if ('imported' in target) to.importedCap = target.imported;
  else promised(to._initPromisedAnswer(), target.answer);
};

/** Descriptors: a number of an object of the client's, one that it promises, one of the server's, or of an answer. */
export type Descriptor = { readonly hosted: number } | { readonly promise: number } | { readonly back: number } | { readonly answer: number };

const fillTable = (payload: Payload, table: readonly Descriptor[]): void => {
  const list = payload._initCapTable(table.length);
  for (const [index, each] of table.entries()) {
    const descriptor: CapDescriptor = list.get(index);
    if ('hosted' in each) descriptor.senderHosted = each.hosted;
    else if ('promise' in each) descriptor.senderPromise = each.promise;
    else if ('back' in each) descriptor.receiverHosted = each.back;
    else promised(descriptor._initReceiverAnswer(), each.answer);
  }
};

/** `content` with capability pointers by index in a list, or one of them. */
const fillContent = (payload: Payload, content: Message): void => utils.copyFrom(content.getRoot(Rpc as never) as Pointer, utils.getPointer(0, payload));

export const bootstrap = (question: number): Uint8Array<ArrayBuffer> => wire((root) => void (root._initBootstrap().questionId = question));

export const call = (question: number, target: Target, method: number, content: Message, table: readonly Descriptor[] = []): Uint8Array<ArrayBuffer> => wire((root) => {
  const made = root._initCall();
  made.questionId = question;
  made.interfaceId = probeId;
  made.methodId = method;
  aim(made._initTarget(), target);
  const params = made._initParams();
  fillContent(params, content);
  fillTable(params, table);
});

export const finish = (question: number, releaseResultCaps: boolean): Uint8Array<ArrayBuffer> => wire((root) => {
  const made = root._initFinish();
  made.questionId = question;
  made.releaseResultCaps = releaseResultCaps;
});

export const release = (id: number, count: number): Uint8Array<ArrayBuffer> => wire((root) => {
  const made = root._initRelease();
  made.id = id;
  made.referenceCount = count;
});

export const returned = (answer: number): Uint8Array<ArrayBuffer> => wire((root) => {
  const made = root._initReturn();
  made.answerId = answer;
  made._initResults();
});

export const resolve = (promise: number, cap: Descriptor): Uint8Array<ArrayBuffer> => wire((root) => {
  const made = root._initResolve();
  made.promiseId = promise;
  const descriptor = made._initCap();
  if ('hosted' in cap) descriptor.senderHosted = cap.hosted;
  else if ('back' in cap) descriptor.receiverHosted = cap.back;
});

export const disembargo = (target: Target, id: number): Uint8Array<ArrayBuffer> => wire((root) => {
  const made = root._initDisembargo();
  aim(made._initTarget(), target);
  made._initContext().senderLoopback = id;
});

/** A message that is all capability pointers. */
const pointers = (count: number): Message => write({ list: Array.from({ length: count }, () => ({}) as never) });

/** What clients do, in an order in which all of it is right. The server's exports are 0 (bootstrap) and 1 (the first child). */
export function honest(): Uint8Array<ArrayBuffer>[] {
  return [
    bootstrap(0),
    call(1, { answer: 0 }, 0, write({ number: 1n, bytes: new Uint8Array(40) })),
    call(2, { imported: 0 }, 1, write({})),
    call(3, { answer: 2 }, 0, write({ number: 2n })),
    call(4, { answer: 2 }, 1, write({})),
    call(5, { answer: 4 }, 0, write({ number: 3n, bytes: new Uint8Array(300) })),
    call(6, { imported: 0 }, 2, pointers(4), [{ hosted: 0 }, { hosted: 1 }, { promise: 2 }, { promise: 3 }]),
    call(7, { imported: 0 }, 3, write({ number: 4n })),
    call(8, { imported: 0 }, 7, write({})),
    finish(1, true),
    finish(3, false),
    resolve(2, { hosted: 5 }),
    resolve(3, { back: 0 }),
    call(9, { imported: 0 }, 10, pointers(1), [{ answer: 2 }]),
    call(10, { imported: 0 }, 10, pointers(1), [{ back: 0 }]),
    call(11, { imported: 0 }, 5, write({ number: 0n, bytes: new Uint8Array(100) })),
    call(12, { imported: 0 }, 6, write({})),
    finish(8, true),
    finish(4, true),
    finish(2, false),
    call(13, { imported: 0 }, 8, write({})),
    finish(5, true),
    finish(7, true),
    finish(0, false),
    release(0, 1),
  ];
}

/** One session after another, each with some of it changed. */
export function mutated(random: Random): Uint8Array<ArrayBuffer>[] {
  const messages = honest().map((bytes) => bytes.slice());
  // Right by itself, but not in this session.
  const odd = [disembargo({ answer: 2 }, 0), disembargo({ imported: 0 }, 7), bootstrap(1), returned(0), returned(1), returned(5), release(0, 9), resolve(0, { hosted: 1 }), finish(77, true)];
  if (random.integer(2) === 0) messages.splice(random.integer(messages.length), 0, odd[random.integer(odd.length)] ?? bootstrap(9));
  for (let count = 1 + random.integer(4); count > 0; count -= 1) mutate(messages, random);
  return messages;
}

function mutate(messages: Uint8Array<ArrayBuffer>[], random: Random): void {
  const at = random.integer(messages.length);
  const message = messages[at] ?? new Uint8Array(8);
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const word = random.integer(Math.max(1, message.length >> 3)) * 8;
  const wild = [0, 1, 2, 3, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fffc, 0xffff_fffd, 0xffff_fffe, random.integer(2 ** 32), random.integer(64)];
  const value = wild[random.integer(wild.length)] ?? 0;
  switch (random.integer(9)) {
    case 0: message[random.integer(message.length)] = random.integer(256); break;
    case 1: if (message.length >= 8) view.setUint32(word + 4 * random.integer(2), value, true); break;
    case 2: if (message.length >= 8) view.setUint32(word, view.getUint32(word, true) ^ (1 << random.integer(32)), true); break;
    case 3: messages.splice(at, 1); break;
    case 4: messages.splice(random.integer(messages.length), 0, message.slice()); break;
    case 5: messages[at] = message.subarray(0, random.integer(message.length + 1)); break;
    case 6: {
      const other = random.integer(messages.length);
      [messages[at], messages[other]] = [messages[other] ?? message, message];
      break;
    }
    // A small number for a question, an export or an index, where there may be one.
    case 7: if (message.length >= 8) view.setUint32(word, random.integer(16), true); break;
    default: if (message.length >= 16) view.setUint16(8 + 8 * random.integer((message.length >> 3) - 1) + 2 * random.integer(4), random.integer(20), true);
  }
}
