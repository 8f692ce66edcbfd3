/** Writes numbered batches and says each number after it settled, until it is killed: `writer.ts DIRECTORY FIRST`. */
import { writeSync } from 'node:fs';
import { openDurableKv } from '../../src/kv/kv.ts';
import { utf8 } from '../../src/std/std.ts';

const [directory = '', first = '0'] = process.argv.slice(2);
const store = await openDurableKv(directory);
for (let number = Number(first); ; number++) {
  const value = utf8(`value ${number}`);
  await store.batch([
    { type: 'put', key: `a/${number}`, value },
    { type: 'put', key: `b/${number}`, value },
  ]);
  writeSync(1, `${number}\n`);
}
