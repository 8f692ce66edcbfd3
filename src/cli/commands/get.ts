import { stat } from 'node:fs/promises';
import { once } from 'node:events';
import { basename, join } from 'node:path';
import { PangeaError } from '../../errors/errors.ts';
import type { GetOptions, IncomingFile, LocalNode } from '../../control/control.ts';
import type { Arguments, Command, Context } from '../command.ts';
import { localFailure } from '../files/failure.ts';
import { restoreTree } from '../files/restore.ts';
import { broughtBy, refuseExisting, saveFile, type Bring } from '../files/save.ts';
import { humanBytes, humanRate, printable } from '../format.ts';
import { counted, startProgress } from '../progress.ts';
import { linkFileOption, referenceOf } from '../reference.ts';

export const get: Command = {
  usage: 'get [link]',
  summary: 'Fetch an object by link, root or name',
  positionals: { link: { describe: 'Link, root (64 hex digits) or name in the catalogue' } },
  options: {
    output: { alias: 'o', type: 'string', requiresArg: true, describe: 'File or directory to make, or "-" for stdout (default: the object\'s name, here)' },
    overwrite: { type: 'boolean', describe: 'Replace what is there' },
    path: { type: 'string', requiresArg: true, describe: 'One file of a directory object' },
    offset: { type: 'string', requiresArg: true, describe: 'First byte (files only)' },
    length: { type: 'string', requiresArg: true, describe: 'How many bytes (files only)' },
    ...linkFileOption,
  },
  examples: [
    ['get pangea:1:… -o movie.mkv', 'complete and verified, or not there at all'],
    ['get --link-file - -o - < link.txt | mpv -', 'the link from stdin, the content to stdout'],
    ['get pangea:1:… --path 2024/may.jpg -o may.jpg', 'one file of a directory'],
  ],

  async run(context) {
    const { args, node } = context;
    const reference = await referenceOf(context);
    const api = node();
    const options = getOptions(args, context.signal);
    const out = args.text('output');
    if (out !== undefined && out !== '-' && !args.flag('overwrite')) await refuseAnother(out);
    const found = await open(api, reference, options);
    if (found.kind === 'directory') await fetchTree(context, api, reference, options, out, found);
    else await fetchFile(context, found, out);
  },
};

/** A directory object answers with its kind; its own content (the list) is not wanted. */
async function open(api: LocalNode, reference: string, options: GetOptions): Promise<IncomingFile> {
  const found = await api.getFile(reference, options);
  if (found.kind === 'directory') await (await found.deliver(undefined, () => undefined))?.[Symbol.asyncIterator]().return?.();
  return found;
}

async function fetchFile({ args, output }: Context, found: IncomingFile, out: string | undefined): Promise<void> {
  const started = performance.now();
  const progress = startProgress(output, 'get', found.bytes);
  // The node writes to the file itself where it can: through the socket the bytes would cost more than all the rest of a get.
  const bring: Bring = async (file) => {
    const content = await found.deliver(file, progress.reach);
    return content && counted(content, progress);
  };
  let target = out ?? safeName(found.name);
  try {
    if (out === '-') return await toStdout(await broughtBy(bring), found.bytes);
    target = await intoDirectory(target, found.name);
    await saveFile(bring, target, found.bytes, args.flag('overwrite'));
  } finally {
    progress.stop();
  }
  report(output, target, found, 'file', found.bytes, started);
}

async function fetchTree({ args, output }: Context, api: LocalNode, reference: string, options: GetOptions, out: string | undefined, found: IncomingFile): Promise<void> {
  if (out === '-') throw new PangeaError('USAGE', 'a directory cannot go to stdout: name one of its files with --path');
  if (options.offset !== undefined || options.length !== undefined) throw new PangeaError('USAGE', '--offset and --length are for files');
  const started = performance.now();
  const { signal } = options;
  const tree = await api.getTree(reference, signal === undefined ? {} : { signal });
  const target = out ?? safeName(tree.name);
  const progress = startProgress(output, 'get', undefined);
  let bytes = 0;
  try {
    await restoreTree(tree.entries, target, args.flag('overwrite'), (count) => {
      bytes += count;
      progress.add(count);
    });
  } finally {
    progress.stop();
  }
  report(output, target, found, 'directory', bytes, started);
}

function report(output: Context['output'], target: string, found: IncomingFile, kind: 'file' | 'directory', bytes: number, started: number): void {
  const seconds = (performance.now() - started) / 1000;
  output.record({ output: target, name: found.name, kind, bytes, mediaType: found.mediaType, seconds });
  output.note(`${printable(target)}: ${humanBytes(bytes)} in ${seconds.toFixed(2)} s (${humanRate(bytes, seconds)})`);
}

/** In JSON mode too: who asks for the content on stdout wants nothing else there. */
async function toStdout(content: AsyncIterable<Uint8Array>, bytes: number): Promise<void> {
  let total = 0;
  for await (const chunk of content) {
    total += chunk.length;
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  }
  if (total !== bytes) throw new PangeaError('CORRUPT', `${total} bytes came where ${bytes} were announced`);
}

/** Found out before anything is fetched. */
async function refuseAnother(out: string): Promise<void> {
  const found = await stat(out).catch(() => undefined);
  if (found?.isFile() === true) await refuseExisting(out);
}

/** An existing directory means: in there, under the object's own name. */
async function intoDirectory(target: string, name: string): Promise<string> {
  try {
    return (await stat(target)).isDirectory() ? join(target, safeName(name)) : target;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return target;
    throw localFailure(error, target);
  }
}

/** Names come from whoever made the object: only the last step of a path is taken. */
function safeName(name: string): string {
  const last = basename(name.replaceAll('\\', '/'));
  if (last === '' || last === '.' || last === '..' || last.includes('\0')) {
    throw new PangeaError('USAGE', `the object's name ${JSON.stringify(name)} is no file name: give one with -o`);
  }
  return last;
}

function getOptions(args: Arguments, signal: AbortSignal): GetOptions {
  const path = args.text('path');
  const offset = wholeNumber(args, 'offset');
  const length = wholeNumber(args, 'length');
  return {
    signal,
    ...(path === undefined ? {} : { path }),
    ...(offset === undefined ? {} : { offset }),
    ...(length === undefined ? {} : { length }),
  };
}

function wholeNumber(args: Arguments, name: string): number | undefined {
  const text = args.text(name);
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new PangeaError('USAGE', `--${name} ${text}: expected a number of bytes`);
}
