/**
 * Writes numbered records and says each number after it settled, until it is killed: `writer.ts BACKEND DIRECTORY FIRST`.
 * Numbers divisible by five are removed again, which is said as `-number`; small volumes make it roll and reclaim as it goes.
 */
import { writeSync } from 'node:fs';
import { keyOf, numberedContent, record } from './records.ts';
import { diskBackends, owner } from './places.ts';

const [name = '', directory = '', first = '0'] = process.argv.slice(2);
const backend = diskBackends.find((candidate) => candidate.name === name);
if (backend === undefined) throw new Error(`no backend ${name}`);
const store = await backend.open({ directory, create: true, owner, volumeBytes: 1_000_000 });
writeSync(1, 'open\n');

let next = Number(first);
async function write(): Promise<never> {
  for (;;) {
    const number = next++;
    await store.put([record(keyOf(number), numberedContent(number))], 'fsync');
    writeSync(1, `${number}\n`);
    if (number % 5 === 0) {
      writeSync(1, `?${number}\n`);
      await store.remove([keyOf(number)]);
      writeSync(1, `-${number}\n`);
    }
    if (number % 64 === 63) void store.compact();
  }
}
await Promise.all([write(), write(), write()]);
