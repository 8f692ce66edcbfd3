/** A program whose relay is away: it waits, with nothing else to hold the process. Its argument is the relay's URL. */
import { openNodeGraph } from '../../../src/graph/open-node.ts';

const graph = await openNodeGraph({ peers: [process.argv[2] as string], onceMs: 60_000 });
process.stdout.write(`${JSON.stringify(await graph.get('greeting').get('text').once())}\n`);
await graph.close();
