/** A client in this process, on the same engine: for what pycapnp cannot be made to do, like never reading. */
import { connect, type Socket } from 'node:net';
import type { Message, Struct } from 'capnp-es';
import { openWasmEngine, type Answered, type EngineConnection, type RemoteCapability, type Servant } from '../../src/rpc/engine/engine.ts';
import { capabilityAt, setCapability } from '../../src/rpc/engine/capabilities.ts';
import { messageOf, type StructClass } from '../../src/rpc/servants/method.ts';
import {
  AboutRequest, ByteSink_Write$Params, FinishRequest, GetRequest, LoginRequest, LoginResponse, NarrowRequest, NarrowResponse, NodeService$Client, NodeService_Download$Params,
  NodeService_GetAllNodes$Params, NodeService_StreamUpdates$Params, PangeaNode$Client, PutRequest, PutResponse, Revoker$Client, RevokeRequest, Session$Client, StatusRequest, StreamResult, Upload$Client, Upload_Write$Params,
} from '../../src/rpc/schema/pangea.ts';
import { limits } from '../../src/rpc/limits.ts';

const engine = openWasmEngine();
const noServant: Servant = { dispatch: () => Promise.reject(new Error('the client offers nothing')) };
const empty = (Root: StructClass<never>): Message => messageOf(Root as StructClass<Struct>, () => undefined);

export class Client {
  readonly socket: Socket;
  readonly engine: EngineConnection;
  /** Everything that was sent. */
  readonly sent: Uint8Array[] = [];
  readonly ended: Promise<void>;
  readonly #node: RemoteCapability;

  /** With `reads: false` the system's buffers fill, and then the server's. */
  constructor(port: number, { reads = true } = {}) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => this.socket.once('close', () => resolve()));
    this.engine = engine.connect({
      bootstrap: noServant,
      limits: {
        messageBytes: limits.messageBytes, traversalWords: limits.traversalWords, nesting: 64, unansweredCalls: 1024, capabilities: 4096,
        memoryBytes: limits.connectionMemoryBytes,
      },
      send: (bytes) => {
        this.sent.push(bytes);
        this.socket.write(bytes);
      },
      ended: () => this.socket.destroy(),
    });
    if (reads) this.socket.on('data', (bytes: Buffer) => this.engine.receive(bytes));
    this.socket.once('close', () => this.engine.close());
    this.#node = this.engine.bootstrap();
  }

  about(): Promise<Answered> {
    return this.#node.call(PangeaNode$Client.interfaceId, 0, empty(AboutRequest as never));
  }

  nodes(): Promise<Answered> {
    return this.#node.call(NodeService$Client.interfaceId, 1, empty(NodeService_GetAllNodes$Params as never));
  }

  nextUpdate(): Promise<Answered> {
    return this.#node.call(NodeService$Client.interfaceId, 4, empty(NodeService_StreamUpdates$Params as never));
  }

  download(fileHash: string): Promise<Answered> {
    return this.#node.call(NodeService$Client.interfaceId, 14, messageOf(NodeService_Download$Params, (params) => void (params._initRequest().fileHash = fileHash)));
  }

  async login(token: string): Promise<RemoteCapability> {
    const { results } = await this.#node.call(PangeaNode$Client.interfaceId, 1, messageOf(LoginRequest, (request) => void (request.token = token)));
    return taken(capabilityAt(results.getRoot(LoginResponse), 0));
  }

  close(): void {
    this.socket.destroy();
  }
}

export function status(session: RemoteCapability): Promise<Answered> {
  return session.call(Session$Client.interfaceId, 8, empty(StatusRequest as never));
}

export async function put(session: RemoteCapability, name: string, chunks: readonly Uint8Array[]): Promise<void> {
  const { results } = await session.call(Session$Client.interfaceId, 0, messageOf(PutRequest, (request) => void (request.objectName = name)));
  const upload = taken(capabilityAt(results.getRoot(PutResponse), 0));
  for (const chunk of chunks) {
    await upload.call(Upload$Client.interfaceId, 0, messageOf(Upload_Write$Params, (params) => params._initChunk(chunk.length).toUint8Array().set(chunk), chunk.length));
  }
  await upload.call(Upload$Client.interfaceId, 1, empty(FinishRequest as never));
  upload.release();
}

/** `take` gets each chunk's length; what it waits for, the sink waits for. */
export function get(session: RemoteCapability, reference: string, take: (bytes: number) => Promise<void>): Promise<Answered> {
  const sink: Servant = {
    dispatch: async ({ methodId, params }) => {
      if (methodId === 0) await take(params.getRoot(ByteSink_Write$Params).chunk.length);
      return { results: empty(StreamResult as never) };
    },
    isStreaming: (_, methodId) => methodId === 0,
  };
  return session.call(Session$Client.interfaceId, 1, messageOf(GetRequest, (request) => {
    request.reference = reference;
    request.length = -1n;
    setCapability(request, 2, sink);
  }));
}

/** A session with these rights alone, and what revokes it. */
export async function narrow(
  session: RemoteCapability, { onlyObjects = [], ...rights }: Partial<Record<'read' | 'write' | 'observe', boolean>> & { onlyObjects?: readonly string[] },
): Promise<{ session: RemoteCapability; revoke: () => Promise<Answered> }> {
  const { results } = await session.call(Session$Client.interfaceId, 19, messageOf(NarrowRequest, (request) => {
    const to = Object.assign(request._initRights(), rights)._initOnlyObjects(onlyObjects.length);
    onlyObjects.forEach((root, index) => to.set(index, root));
  }));
  const revoker = taken(capabilityAt(results.getRoot(NarrowResponse), 2));
  return { session: taken(capabilityAt(results.getRoot(NarrowResponse), 0)), revoke: () => revoker.call(Revoker$Client.interfaceId, 0, empty(RevokeRequest as never)) };
}

function taken(found: ReturnType<typeof capabilityAt>): RemoteCapability {
  if (found === undefined || !('call' in found)) throw new Error('the server gave no object of its own');
  found.keep();
  return found;
}
