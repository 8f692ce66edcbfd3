/**
 * Mixed meshes of gun.js and ours over random schedules: `node test/graph/mesh/run.ts [--schedules N] [--seed N] [--worlds N] [--topology NAME] [--only SEED] [--pages SHARE]`
 *
 * `--pages 1` runs all gun.js clients in frames of a headless Chromium, the default one job in five. Every schedule follows from its seed and its topology (the states of its writes from the clock). Ends with 1 when members differ
 * after healing and asking, or something is gone that was acknowledged as being on disk.
 */
import { parseArgs } from 'node:util';
import { findChromium } from '../../browser/chromium.ts';
import { openPages } from './pages.ts';
import { runSchedules } from './schedules.ts';
import { topologies, type Topology } from './topologies.ts';

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' }, worlds: { type: 'string', default: '4' },
    topology: { type: 'string', multiple: true }, only: { type: 'string' }, pages: { type: 'string', default: '0.2' }, verbose: { type: 'boolean' },
  },
});
const wanted = (values.topology ?? Object.keys(topologies)) as Topology[];
const share = Number(values.pages);
const chromium = findChromium();
if (share > 0 && 'reason' in chromium) process.stdout.write(`no schedules in pages: ${chromium.reason}\n`);
const pages = share > 0 && 'path' in chromium ? await openPages(chromium.path) : undefined;
const { failed } = await runSchedules({
  schedules: values.only === undefined ? Number(values.schedules) : 1, seed: Number(values.only ?? values.seed), worlds: Number(values.worlds), topologies: wanted,
  pagesShare: share, say: (line) => void process.stdout.write(`${line}\n`), verbose: values.verbose === true, ...(pages === undefined ? {} : { pages }),
});
await pages?.close();
process.exit(failed === 0 ? 0 : 1);
