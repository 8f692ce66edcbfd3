import type { Command } from '../command.ts';
import { linkFileOption, referenceOf } from '../reference.ts';

export const remove: Command = {
  usage: 'rm [link]',
  summary: 'Delete an object from every holder that can be reached, and from the catalogue',
  positionals: { link: { describe: 'Link, root or name in the catalogue' } },
  options: { ...linkFileOption },
  examples: [['rm movie.mkv', 'holders remember the deletion, so none brings it back']],
  async run(context) {
    const removed = await context.node().remove(await referenceOf(context));
    const { root, confirmed, holders } = removed;
    context.output.record(removed, `${root.slice(0, 12)} deleted: ${confirmed} of ${holders} holders confirmed`);
  },
};
