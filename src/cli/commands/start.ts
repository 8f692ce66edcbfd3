import type { NodeConfig } from '../../config/config.ts';
import { asPangeaError } from '../../errors/errors.ts';
import type { RunningNode } from '../../node/node.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import type { Command, Context } from '../command.ts';
import { stopRequested } from '../signals.ts';

export const start: Command = {
  usage: ['start', '$0'],
  summary: 'Run the node (also when no command is given)',
  settings: 'all',
  options: { calibrate: { type: 'boolean', describe: 'Measure this machine\'s codecs anew, whatever is known of them' } },
  examples: [
    ['--node-id 42', 'a node on loopback with the default ports'],
    ['--p2p-addr :9090 --dht-addr :9091 --allow 10.0.0.0/8', 'open to a local network'],
    ['--bootstrap /ip4/192.0.2.1/tcp/9091/p2p/12D3KooW…', 'meets the others through one of them'],
  ],
  handlesSignals: true,

  async run(context) {
    const config = context.config();
    // Listening before the start: a signal that comes early is not lost, nor does it end a node that is half up.
    const stop = stopRequested();
    let running: RunningNode | undefined;
    let reloadWanted = false;
    const onReload = (): void => {
      if (running === undefined) reloadWanted = true;
      else reload(context, running, logger);
    };
    process.on('SIGHUP', onReload);
    const [{ startNode }, { createLogger }, { endOnCrash }] = await Promise.all([
      import('../../node/node.ts'), import('../../telemetry/telemetry.ts'), import('../crash.ts'),
    ]);
    const logger = createLogger({ level: config.logLevel });
    endOnCrash({ logger, output: context.output, stop: async (deadlineMs) => running?.stop(deadlineMs), deadlineMs: config.stopDeadline });
    const node = await startNode({ config, logger, calibrate: context.args.flag('calibrate'), onPart: (line) => context.output.record(line, `${line.part.padEnd(14)}${line.detail}`) });
    running = node;
    if (reloadWanted) onReload();
    await stop;
    context.output.note('stopping: work under way may finish; Ctrl-C again stops at once');
    await node.stop(config.stopDeadline);
  },
};

/** A configuration with a mistake in it changes nothing, and is told. */
function reload({ config, output }: Context, node: RunningNode, logger: Logger): void {
  let next: NodeConfig;
  try {
    next = config();
  } catch (cause) {
    const { code, message } = asPangeaError(cause);
    logger.error({ code }, `the configuration was not read again: ${message}`);
    output.record({ part: 'configuration', up: false, detail: `${code}: ${message}` }, `configuration ${code}: ${message}`);
    return;
  }
  const changes = node.reload(next);
  const taken = changes.filter(({ live }) => live).map(({ name }) => name);
  const restart = changes.filter(({ live }) => !live).map(({ name }) => name);
  const detail = [
    taken.length > 0 ? `now in force: ${taken.join(', ')}` : '', restart.length > 0 ? `needs a restart: ${restart.join(', ')}` : '',
  ].filter((text) => text !== '').join('; ') || 'nothing has changed';
  output.record({ part: 'configuration', up: true, detail, taken, restart }, `configuration ${detail}`);
}
