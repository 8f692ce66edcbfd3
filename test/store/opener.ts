/** Opens a store in a process of its own and says how it went: `opener.ts BACKEND DIRECTORY try|hold`. */
import { systemClock } from '../../src/std/std.ts';
import { diskBackends, owner } from './places.ts';

const [name = '', directory = '', mode = 'try'] = process.argv.slice(2);
const backend = diskBackends.find((candidate) => candidate.name === name);
if (backend === undefined) throw new Error(`no backend ${name}`);
try {
  const store = await backend.open({ directory, create: true, owner });
  process.stdout.write('open\n');
  if (mode === 'hold') for (;;) await systemClock.sleep(60_000);
  await store.close();
} catch (error) {
  process.stdout.write(`${(error as { code?: string }).code}\n`);
}
