import { readFile } from 'node:fs/promises';
import { PangeaError } from '../errors/errors.ts';
import type { Context } from './command.ts';
import { localFailure } from './files/failure.ts';

const maxBytes = 64 * 1024;

export const linkFileOption = {
  'link-file': { type: 'string', requiresArg: true, describe: 'Read the link from a file, or from stdin with "-": other users cannot see it then' },
} as const;

/** The link, root or name: the argument, or the content of `--link-file`. */
export async function referenceOf({ args }: Context): Promise<string> {
  return oneOf(args.text('link'), args.text('link-file'), 'a link, root or name');
}

/** A secret that may be given as an argument or through a file or stdin. */
export async function oneOf(argument: string | undefined, file: string | undefined, what: string): Promise<string> {
  if (argument !== undefined && file !== undefined) throw new PangeaError('USAGE', `${what} is given twice: as argument and as file`);
  if (argument === undefined && file === undefined) throw new PangeaError('USAGE', `${what} is missing: see --help`);
  const text = (argument ?? (await readSecret(file as string))).trim();
  if (text === '') throw new PangeaError('USAGE', `${what} is empty`);
  return text;
}

async function readSecret(file: string): Promise<string> {
  if (file === '-') {
    let text = '';
    for await (const chunk of process.stdin.setEncoding('utf8')) {
      text += String(chunk);
      if (text.length > maxBytes) throw new PangeaError('USAGE', 'stdin has more than a link');
    }
    return text;
  }
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw localFailure(error, file);
  }
}
