/** What is checked before a directory is taken for a store of the graph. */
import { mkdir, readdir } from 'node:fs/promises';
import { PangeaError } from '../../errors/errors.ts';
import { commit, formatKey, type Level } from './durable-level.ts';
import { checkLogs } from './durable-log.ts';

const format = Buffer.from('pangea-graph 1');

/**
 * LevelDB makes a new database where its file CURRENT is missing, whatever else is there: so data without it
 * is STORE_CORRUPT, and somebody else's files are STORE_FOREIGN.
 */
export async function prepareDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const names = await readdir(directory);
  if (names.includes('CURRENT')) return checkLogs(directory);
  if (names.some((name) => /\.(ldb|log)$/.test(name))) throw new PangeaError('STORE_CORRUPT', `graph store ${directory}: the file CURRENT is missing; restore it or the directory from a backup`);
  const foreign = names.find((name) => !/^(LOCK|LOG(\.old)?|MANIFEST-\d+|lost\+found|\d+\.dbtmp)$/.test(name));
  if (names.includes('%1C')) throw new PangeaError('STORE_FOREIGN', `graph store ${directory}: this is a folder of gun.js; import it into a directory of its own`);
  if (foreign !== undefined) throw new PangeaError('STORE_FOREIGN', `graph store ${directory}: there is ${foreign}, which is not ours; give a directory of its own`);
}

/** Writes the format into a new store. Fails with STORE_FOREIGN for another format or another's LevelDB. */
export async function checkFormat(directory: string, level: Level): Promise<void> {
  const found = await level.get(formatKey);
  if (found?.equals(format)) return;
  if (found !== undefined) throw new PangeaError('STORE_FOREIGN', `graph store ${directory}: its format is ${JSON.stringify(found.toString().slice(0, 40))}, this version writes ${format}`);
  for await (const _ of level.keys({ limit: 1 })) throw new PangeaError('STORE_FOREIGN', `graph store ${directory}: this is another program's database`);
  await commit(level, [{ type: 'put', key: formatKey, value: format }]);
}
