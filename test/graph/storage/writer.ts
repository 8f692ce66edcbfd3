/** Writes numbered deltas and says each number after it settled, until it is killed: `writer.ts DIRECTORY FIRST`. */
import { writeSync } from 'node:fs';
import { openDurableStore } from '../../../src/graph/storage/durable.ts';
import { numbered } from './numbered.ts';

const [directory = '', first = '0'] = process.argv.slice(2);
const store = await openDurableStore(directory);
for (let number = Number(first); ; number += 3) {
  // Three callers at once, whose writes share a commit.
  await Promise.all([0, 1, 2].map(async (more) => {
    await store.write(numbered(number + more));
    writeSync(1, `${number + more}\n`);
  }));
}
