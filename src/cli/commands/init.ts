import { oneOf } from '../reference.ts';
import type { Command } from '../command.ts';

export const init: Command = {
  usage: 'init',
  summary: 'Make a private network with this node as its first member, and print the recovery phrase',
  options: {
    'phrase-file': { type: 'string', requiresArg: true, describe: 'Bring a former owner back: file with the recovery phrase, "-" for stdin' },
  },
  examples: [['init', 'then "pangea-node start", and "pangea-node invite" for the others']],
  async run({ args, output, config }) {
    const phraseFile = args.text('phrase-file');
    const phrase = phraseFile === undefined ? undefined : await oneOf(undefined, phraseFile, 'the recovery phrase');
    const { initNode } = await import('../../node/node.ts');
    const settings = config();
    const made = await initNode(settings, phrase);
    output.record({ ...made, dataDir: settings.dataDir }, [
      `network     ${made.networkId}`,
      `this node   ${made.peerId}`,
      `directory   ${settings.dataDir}`,
      '',
      'Recovery phrase. Write it down now: with it and any 8 shards of each object everything comes back, without it nothing.',
      '',
      `  ${made.recoveryPhrase}`,
    ].join('\n'));
    output.note('\nnext: pangea-node start, then pangea-node invite');
  },
};
