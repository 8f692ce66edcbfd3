import type { Command } from '../command.ts';

export const token: Command = {
  usage: 'token',
  summary: 'Print the token that programs show at the RPC port',
  options: {
    new: { type: 'boolean', describe: 'Make another one: the one before opens nothing any more, at a running node too' },
  },
  examples: [
    ['token', 'for a client in Python, Go or another language'],
    ['token --new', 'when somebody saw it who should not'],
  ],
  async run({ args, output, config }) {
    const { renewRpcToken, rpcToken } = await import('../../node/node.ts');
    const { dataDir, rpcAuth } = config();
    const value = args.flag('new') ? await renewRpcToken(dataDir) : await rpcToken(dataDir);
    output.record({ token: value, dataDir }, value);
    if (args.flag('new')) output.note('sessions that are open stay open until their clients leave; a restart ends them');
    if (rpcAuth === 'off') output.note('rpc-auth is off: the node asks nobody for it');
  },
};
