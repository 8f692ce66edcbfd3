import type { RepairAction, RepairView } from '../../control/control.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { Command } from '../command.ts';
import { humanTime, table } from '../format.ts';

export const repair: Command = {
  usage: 'repair',
  summary: 'Show how the held objects are; "--now" looks at all of them at once, "--pause" and "--resume" stop and go on',
  options: {
    now: { type: 'boolean', describe: 'Look at every held object now and restore what is lost, without waiting for others\' turns' },
    pause: { type: 'boolean', describe: 'Begin no more rounds, for example while machines are moved; holds until resumed or the node starts again' },
    resume: { type: 'boolean', describe: 'Go on with the rounds' },
  },
  examples: [
    ['repair', 'state and last round'],
    ['repair --now', 'after a machine was lost for good'],
    ['repair --pause', 'before planned work on several machines'],
  ],
  async run({ args, output, node }) {
    const asked = (['now', 'pause', 'resume'] as const).filter((name) => args.flag(name));
    if (asked.length > 1) throw new PangeaError('USAGE', `--${asked.join(' and --')} exclude each other`);
    const actions: Readonly<Record<'now' | 'pause' | 'resume', RepairAction>> = { now: 'runOnce', pause: 'pause', resume: 'resume' };
    const [action] = asked;
    const found = action === undefined ? await node().repair() : await node().controlRepair(actions[action]);
    output.record(found, describe(found));
  },
};

function describe({ paused, objectsHeld, objectsUnderRepair, shardsRestored, last }: RepairView): string {
  return table([
    ['rounds', paused ? 'paused' : 'go on'],
    ['objects held', String(objectsHeld)],
    ['below their twelve rows', String(objectsUnderRepair)],
    ['shards restored', `${shardsRestored} since the start`],
    ['last round', last === undefined ? 'none yet' : `${humanTime(last.endedMs)}: ${last.objectsChecked} objects looked at, ${last.shardsRestored} shards restored, `
      + `${last.objectsBelowTarget} below target, ${last.objectsUnreadable} unreadable`],
  ]);
}
