/** The surface's thread: listens, and asks the node's thread for everything that is not bytes on a socket. */
import { parentPort, workerData } from 'node:worker_threads';
import { PangeaError } from '../../errors/errors.ts';
import { systemClock } from '../../std/std.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import { Batch, type ThreadPort } from '../bridge/batch.ts';
import { wireErrorOf } from '../bridge/errors.ts';
import type { ToNode, ToSurface } from '../bridge/messages.ts';
import { BridgeClient } from '../bridge/remote-node.ts';
import { openNativeEngine, openWasmEngine } from '../engine/engine.ts';
import { limits } from '../limits.ts';
import type { RpcServerOptions } from '../rpc.ts';
import { LoginDelays } from '../servants/login-delays.ts';
import { ChunkMemory } from '../servants/method.ts';
import type { AboutFacts } from '../servants/surface.ts';
import { Listener } from './listener.ts';
import { Room, SharedMemory } from './memory.ts';
import { Tally } from './tally.ts';

export interface SurfaceData extends Pick<RpcServerOptions, 'listen' | 'tls' | 'engine'> {
  /** Three numbers that the node's thread may read at any time: connections, calls so far, bytes of memory. */
  readonly counts: SharedArrayBuffer;
}

/** What a few downloads at once have under way. */
const keptChunks = 32;

if (parentPort === null) throw new Error('this file runs as a thread of the node');
const port = parentPort;
const data = workerData as SurfaceData;
const counts = new Float64Array(data.counts);
const clock = systemClock;
const out = new Batch<ToNode>(port as ThreadPort, (message, error) => {
  port.postMessage([{ type: 'log', level: 'error', fields: { message: message.type, reason: String(error) }, text: 'a message to the node cannot be sent' } satisfies ToNode]);
});
const logger = loggerTo(out, {});
const tally = new Tally(clock, (amounts) => out.post({ type: 'tally', amounts }));
const client = new BridgeClient(out);
const memory = new SharedMemory(limits.memoryBytes, (bytes) => void (counts[2] = bytes));
const allBlocks = new Room(limits.allBlockBytes);
const closing = new AbortController();
const admissions = new Map<number, (isAdmitted: boolean) => void>();
let nextAdmission = 1;
let transfers = 0;
let facts: Promise<AboutFacts> | undefined;

const listener = new Listener({
  listen: data.listen,
  tls: data.tls,
  admit: (address) => new Promise((resolve) => {
    const id = nextAdmission++;
    admissions.set(id, resolve);
    out.post({ type: 'admit', id, address });
  }),
  changed: () => void (counts[0] = listener.connections),
  parts: {
    node: client.node, clock, logger, memory,
    engine: data.engine === 'native' ? openNativeEngine() : openWasmEngine(),
    logins: new LoginDelays(clock),
    chunks: new ChunkMemory(keptChunks),
    pieces: client.pieces,
    closing: closing.signal,
    facts: () => (facts ??= readFacts()),
    count: (counter, label, amount) => {
      if (counter === 'calls') counts[1] = (counts[1] ?? 0) + 1;
      tally.count(counter, label, amount);
    },
    blocks: {
      forConnection: () => {
        const own = new Room(limits.connectionBlockBytes);
        return async (bytes, signal) => {
          const leaveOwn = await own.enter(bytes, signal);
          try {
            const leaveAll = await allBlocks.enter(bytes, signal);
            return () => (leaveAll(), leaveOwn());
          } catch (error) {
            leaveOwn();
            throw error;
          }
        };
      },
    },
    transfers: {
      take: () => {
        if (transfers >= limits.transfers) throw new PangeaError('TOO_MANY', `the node has at most ${limits.transfers} transfers at a time`);
        transfers += 1;
        return () => void (transfers -= 1);
      },
    },
  },
});

port.on('message', (messages: readonly ToSurface[]) => {
  for (const message of messages) {
    if (message.type === 'close') void close(message.deadlineMs);
    else if (message.type === 'admitted') {
      admissions.get(message.id)?.(message.isAdmitted);
      admissions.delete(message.id);
    } else client.handle(message);
  }
});

listener.listen().then(
  (real) => out.post({ type: 'listening', port: real }),
  (error: unknown) => out.post({ type: 'failed', error: wireErrorOf(error) }),
);

async function close(deadlineMs: number): Promise<void> {
  closing.abort(new PangeaError('NODE_STOPPING', 'this node is stopping'));
  const late = new AbortController();
  const timer = clock.after(deadlineMs, () => late.abort());
  await listener.close(late.signal);
  timer.cancel();
  tally.flush();
  out.post({ type: 'closed' });
  out.flush();
  port.close();
}

/** Facts that never change are asked for once; a failure is asked for again. */
async function readFacts(): Promise<AboutFacts> {
  try {
    const [{ version, nodeId, peerId, network }, isTokenNeeded] = await Promise.all([client.node.status(), client.node.isTokenNeeded()]);
    return { version, nodeId, peerId, network, isTokenNeeded };
  } catch (error) {
    facts = undefined;
    throw error;
  }
}

function loggerTo(to: Batch<ToNode>, bound: Record<string, unknown>): Logger {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: Record<string, unknown>, text: string): void => {
    to.post({ type: 'log', level, fields: plain({ ...bound, ...fields }), text });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: (fields) => loggerTo(to, { ...bound, ...fields }) };
}

/** Errors keep their stack as text: their class does not survive the way. */
function plain(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? (value.stack ?? value.message) : value]));
}
