/** gun.js in a Node process of its own. */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { answer } from '../../../bench/graph/subjects/answer.ts';
import { gunOperations, type MakeGun } from './gun-operations.ts';

const makeGun = createRequire(import.meta.url)('gun') as MakeGun;

answer({
  ...gunOperations(makeGun, async ({ relay, directory }) => {
    const disk = directory === undefined ? { radisk: false, rfs: false } : { radisk: true, file: directory };
    if (!relay) return { port: 0, options: disk };
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as AddressInfo).port, options: { ...disk, web: server } };
  }),
});
