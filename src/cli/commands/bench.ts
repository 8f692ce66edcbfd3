import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PangeaError } from '../../errors/errors.ts';
import type { Command } from '../command.ts';

const program = fileURLToPath(new URL('../../../bench/run.ts', import.meta.url));
const flags = ['json', 'smoke', 'record'] as const;
const texts = ['seed', 'rounds', 'out', 'compare', 'dir'] as const;

/** The benchmarks are a program of their own, which has the same processes under it whichever door it is entered by. */
export const bench: Command = {
  usage: 'bench [part..]',
  summary: 'Measure this machine, what of it each stage uses, and how rivals do on the same data',
  positionals: {
    part: { describe: 'ces (compress, encrypt, shard; the default), store, net or all; transport and put-get are the halves of net; rpc beside other servers; graph beside gun.js', array: true },
  },
  options: {
    against: { type: 'string', array: true, requiresArg: true, describe: 'Only this rival; may be repeated; none for none (default: all that are installed)' },
    rounds: { type: 'string', requiresArg: true, describe: 'Rounds over everything; ratios are medians over them', defaultDescription: '15' },
    seed: { type: 'string', requiresArg: true, describe: 'Of the data that is made', defaultDescription: '1' },
    smoke: { type: 'boolean', describe: 'Everything once in its smallest size: proves that it runs, says nothing about speed' },
    out: { type: 'string', requiresArg: true, describe: 'Directory for report.html and bench.jsonl' },
    record: { type: 'boolean', describe: 'Keep the result among the records of machines of this kind, in bench/records' },
    compare: { type: 'string', requiresArg: true, describe: 'Measure nothing, set two results side by side: --compare A.json B.json' },
    dir: { type: 'string', requiresArg: true, describe: 'Where the disk is measured', defaultDescription: 'the directory for temporary files' },
  },
  examples: [
    ['bench', 'ceilings of the machine, every stage on every kernel, the pipelines, and the ratios to installed rivals'],
    ['bench --against klauspost --out report', 'against one rival, with a report to open in a browser'],
    ['bench all --json > here.json', 'one JSON line for each of ces, store and net'],
    ['bench --compare here.json there.json', 'two machines, or two commits'],
  ],

  async run({ args, signal }) {
    if (!existsSync(program)) throw new PangeaError('NOT_SUPPORTED', 'this installation has no benchmarks: they are in the source package');
    const words = [
      ...flags.filter((name) => args.flag(name)).map((name) => `--${name}`),
      ...texts.flatMap((name) => (args.text(name) === undefined ? [] : [`--${name}=${args.required(name)}`])),
      ...args.list('against').map((name) => `--against=${name}`), ...args.list('part'),
    ];
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...words], { stdio: ['ignore', 'inherit', 'inherit'] });
    // From a terminal it hears Ctrl-C itself; from elsewhere by us. Hearing it twice changes nothing.
    const stop = (): void => void child.kill('SIGINT');
    signal.addEventListener('abort', stop, { once: true });
    try {
      const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
      if (code === null) throw new PangeaError('INTERNAL', `the benchmark was killed by ${child.signalCode ?? 'nobody'}`);
      return code;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  },
};
