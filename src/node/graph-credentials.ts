/** Keys of a bucket: out of a file or the environment, never out of a setting, and never into a log. */
import { readFile } from 'node:fs/promises';
import { PangeaError } from '../errors/errors.ts';

export interface BucketKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

/** Throws `CONFIG_INVALID` when a key is missing, or the file cannot be read. */
export async function bucketKeys(file: string | undefined, environment: Readonly<Record<string, string | undefined>>): Promise<BucketKeys> {
  const given = file === undefined ? environment : await profileOf(file);
  const where = file ?? 'the environment';
  const key = (name: string): string => {
    const value = given[name] ?? '';
    if (value === '') throw new PangeaError('CONFIG_INVALID', `graph-store names a bucket, and ${where} has no ${file === undefined ? name : name.toLowerCase()}: see graph-s3-credentials`);
    return value;
  };
  return { accessKeyId: key('AWS_ACCESS_KEY_ID'), secretAccessKey: key('AWS_SECRET_ACCESS_KEY'), sessionToken: given['AWS_SESSION_TOKEN'] || undefined };
}

/** The lines `name = value` of the first profile, names in upper case as the environment has them. */
async function profileOf(file: string): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new PangeaError('CONFIG_INVALID', `graph-s3-credentials: ${file} cannot be read (${error.code})`, { cause: error });
  });
  const found = new Map<string, string>();
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line.startsWith('[') && found.size > 0) break;
    const match = /^([a-z_]+)\s*=\s*(\S+)$/i.exec(line);
    if (match !== null) found.set((match[1] as string).toUpperCase(), match[2] as string);
  }
  return Object.fromEntries(found);
}
