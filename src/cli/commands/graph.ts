import type { GraphChange, GraphNodeView } from '../../control/control.ts';
import { isPangeaError, PangeaError } from '../../errors/errors.ts';
import type { Command, Context } from '../command.ts';
import { printable, table } from '../format.ts';
import { exportGraph, importGraph } from '../graph/transfer.ts';
import { describeNode, describePeers, describeStatus } from '../graph/show.ts';
import { inputOf, stateText, valueText } from '../graph/values.ts';

type Action = (context: Context, targets: readonly string[]) => Promise<void>;

export const graph: Command = {
  usage: 'graph <action> [targets..]',
  summary: 'Look into the realtime graph of the running node, write to it, take it out and in',
  positionals: {
    action: { describe: 'status, get SOUL[/KEY], put SOUL KEY=VALUE…, watch SOUL, souls, peers, export FILE, import PATH' },
    targets: { describe: 'What the action works on', array: true },
  },
  options: {
    key: { type: 'string', requiresArg: true, describe: 'get: one field, where its name or the soul has a slash' },
    wait: { type: 'string', requiresArg: true, describe: 'get: milliseconds to wait for peers when the node itself has nothing (default: 2000)' },
    prefix: { type: 'string', requiresArg: true, describe: 'souls, export: only souls that begin so' },
    radata: { type: 'boolean', describe: 'export: a new folder that gun.js opens as its own, instead of a file' },
    overwrite: { type: 'boolean', describe: 'export: replace what is there' },
  },
  examples: [
    ['graph status', 'address, peers, counts and broken rules'],
    ['graph put user/ada name=Ada born=1815 boss=@user/babbage', 'numbers, true, false and null as they are, @ for a link, all else as text'],
    ['graph put user/ada \'zip="00123"\' born=null', 'quotes make text of digits; null deletes'],
    ['graph get user/ada/name', 'one field; without "/name" the whole node'],
    ['graph watch chat --json | jq .fields', 'what is there, then every change, until Ctrl-C'],
    ['graph souls --prefix user/', 'one a line'],
    ['graph export backup.jsonl', 'a node a line; "graph import backup.jsonl" takes it back, in any node'],
    ['graph import radata', 'what a relay of gun.js kept, while this node runs'],
    ['graph export --radata radata-new', 'and back to gun.js'],
  ],
  async run(context) {
    const name = context.args.required('action');
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action === undefined) throw new PangeaError('USAGE', `graph ${name}: expected ${Object.keys(actions).join(', ')}`);
    await action(context, context.args.list('targets'));
  },
};

const actions: Readonly<Record<string, Action>> = {
  async status({ output, node }) {
    const found = await node().graph.status();
    output.record(found, describeStatus(found));
  },

  async get(context, targets) {
    const target = one('get', targets, 'SOUL[/KEY]');
    const found = await find(context, target);
    if (found === undefined) throw new PangeaError('NOT_FOUND', `nobody who was asked has ${target}`);
    context.output.record(found, describeNode(found));
  },

  async put({ output, node }, [soul, ...words]) {
    if (soul === undefined || words.length === 0) throw new PangeaError('USAGE', 'graph put: expected SOUL KEY=VALUE…');
    const done = await node().graph.put(soul, inputOf(words));
    output.record(done);
    output.note(`stored (${done.stored})`);
  },

  async watch({ output, node, signal }, targets) {
    try {
      for await (const change of node().graph.watch(one('watch', targets, 'SOUL'), signal)) output.record(change, changeText(change));
    } catch (error) {
      // The usual end of watching.
      if (!isPangeaError(error, 'ABORTED')) throw error;
    }
  },

  async souls({ args, output, node }, targets) {
    if (targets.length > 0) throw new PangeaError('USAGE', `graph souls ${targets[0]}: did you mean --prefix ${targets[0]}?`);
    for await (const soul of node().graph.souls(args.text('prefix'))) output.record(soul, printable(soul));
  },

  async peers({ output, node }) {
    const peers = await node().graph.peers();
    output.record(peers, describePeers(peers));
  },

  export: (context, targets) => exportGraph(context, one('export', targets, 'FILE, or "-" for stdout')),
  import: (context, targets) => importGraph(context, one('import', targets, 'a file of "graph export", or a radata directory')),
};

function one(action: string, targets: readonly string[], what: string): string {
  const [target] = targets;
  if (target === undefined || targets.length > 1) throw new PangeaError('USAGE', `graph ${action}: expected ${what}`);
  return target;
}

/** A soul may have slashes in it, so the whole text is tried first. Only the last look waits for peers. */
async function find({ args, node }: Context, target: string): Promise<GraphNodeView | undefined> {
  const { graph } = node();
  const waitMs = waitOf(args.text('wait'));
  const key = args.text('key');
  if (key !== undefined) return graph.get(target, { key, ...waitMs });
  const slash = target.lastIndexOf('/');
  const here = slash > 0 ? (await graph.get(target, { waitMs: 0 })) ?? (await graph.get(target.slice(0, slash), { key: target.slice(slash + 1), waitMs: 0 })) : undefined;
  if (here !== undefined) return here;
  const [whole, field] = await Promise.all([
    graph.get(target, waitMs), slash > 0 ? graph.get(target.slice(0, slash), { key: target.slice(slash + 1), ...waitMs }) : undefined,
  ]);
  return whole ?? field;
}

function waitOf(text: string | undefined): { readonly waitMs?: number } {
  if (text === undefined) return {};
  if (!/^\d{1,5}$/.test(text) || Number(text) > 60_000) throw new PangeaError('USAGE', `--wait ${text}: expected milliseconds from 0 to 60000`);
  return { waitMs: Number(text) };
}

function changeText({ origin, fields }: GraphChange): string {
  return table(fields.map(({ key, value, state }) => [stateText(state), origin, printable(key), valueText(value)]));
}
