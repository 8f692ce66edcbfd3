import { parseBytes } from '../../config/config.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { Command } from '../command.ts';
import { readSamples } from '../files/samples.ts';
import { humanBytes, printable } from '../format.ts';

const defaultSize = '64KiB';

export const dictionary: Command = {
  usage: 'dictionary <action> <name> <files..>',
  summary: 'Learn a dictionary from files, and store it for "put --dictionary"',
  positionals: {
    action: { describe: 'train' },
    name: { describe: 'Name of the dictionary in the catalogue' },
    files: { describe: 'Samples, one a file: some hundred like those to be put. Of a directory, all files in it', array: true },
  },
  options: {
    size: { type: 'string', requiresArg: true, describe: `Most bytes that it may have (default: ${defaultSize}); a hundredth of the samples is right` },
    ack: { choices: ['memory', 'some', 'all'] as const, requiresArg: true, describe: 'As of put' },
  },
  examples: [
    ['dictionary train users exports/', 'learns what the files in exports/ have in common'],
    ['put user-17.json --dictionary users', 'a small file takes a fraction then'],
  ],

  async run({ args, node, output, signal }) {
    const action = args.required('action');
    if (action !== 'train') throw new PangeaError('USAGE', `dictionary ${action}: the only action is "train"`);
    const size = args.text('size') ?? defaultSize;
    const bytes = parseBytes(size);
    if (bytes === undefined || bytes === 0) throw new PangeaError('USAGE', `--size ${size}: expected a size like 64KiB`);
    const ack = args.text('ack') as 'memory' | 'some' | 'all' | undefined;
    let samples = 0;
    const counted = async function* () {
      for await (const sample of readSamples(args.list('files'))) {
        samples++;
        yield sample;
      }
    };
    const result = await node().trainDictionary(counted(), { name: args.required('name'), bytes, signal, ...(ack === undefined ? {} : { ack }) });
    output.record({ ...result, samples }, result.link);
    output.note(`${printable(result.name)}: ${humanBytes(result.bytes)} learnt from ${samples} ${samples === 1 ? 'file' : 'files'}`);
  },
};
