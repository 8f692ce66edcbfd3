/** The graph of a node through the client in this process. */
import type { GraphField, GraphValue } from '../../src/api/api.ts';
import type { RemoteCapability, Servant } from '../../src/rpc/engine/engine.ts';
import { capabilityAt, setCapability } from '../../src/rpc/engine/capabilities.ts';
import {
  Graph$Client, GraphChange, GraphGetRequest, GraphGetResponse, GraphPutRequest, GraphPutResponse, GraphRequest, GraphResponse, GraphSoulsRequest,
  GraphSoulsResponse, GraphStatus, GraphStatusRequest, GraphValue_Which, GraphWatchRequest, GraphWatchResponse, Session$Client, StreamResult,
  type GraphField as FieldStruct,
} from '../../src/rpc/schema/pangea.ts';
import { messageOf } from '../../src/rpc/servants/method.ts';

export type Input = Readonly<Record<string, GraphValue>> | readonly (readonly [string, GraphValue])[];
export interface Told {
  readonly sequence: bigint;
  readonly lost: bigint;
  readonly soul: string;
  readonly origin: number;
  readonly more: boolean;
  readonly fields: Readonly<Record<string, GraphValue>>;
}

export async function graphOf(session: RemoteCapability): Promise<GraphClient> {
  const { results } = await session.call(Session$Client.interfaceId, 20, messageOf(GraphRequest, () => undefined));
  return new GraphClient(kept(capabilityAt(results.getRoot(GraphResponse), 0)));
}

export class GraphClient {
  readonly graph: RemoteCapability;

  constructor(graph: RemoteCapability) {
    this.graph = graph;
  }

  async get(soul: string, asked: Partial<Record<'key' | 'prefix' | 'from' | 'to' | 'after', string> & { limit: number; waitMs: number }> = {}): Promise<{ found: boolean; fields: GraphField[]; next: string }> {
    const { results } = await this.graph.call(Graph$Client.interfaceId, 0, messageOf(GraphGetRequest, (request) => void Object.assign(request, { soul, waitMs: 0, ...asked })));
    const { found, fields, next } = results.getRoot(GraphGetResponse);
    return { found, fields: Array.from({ length: fields.length }, (_, index) => fieldOf(fields.get(index))), next };
  }

  async put(soul: string, input: Input): Promise<{ state: number; stored: number }> {
    const entries = Array.isArray(input) ? input as readonly (readonly [string, GraphValue])[] : Object.entries(input as Record<string, GraphValue>);
    const { results } = await this.graph.call(Graph$Client.interfaceId, 1, messageOf(GraphPutRequest, (request) => {
      request.soul = soul;
      const fields = request._initFields(entries.length);
      entries.forEach(([key, value], index) => {
        const field = fields.get(index);
        field.key = key;
        const to = field._initValue();
        if (value === null) to.null = true;
        else if (typeof value === 'string') to.text = value;
        else if (typeof value === 'number') to.number = value;
        else if (typeof value === 'boolean') to.bool = value;
        else to.link = value['#'];
      });
    }));
    const { state, stored } = results.getRoot(GraphPutResponse);
    return { state, stored };
  }

  /** `take` hears each change; what it waits for, the listener's answer waits for. Gives the subscription. */
  async watch(asked: { souls?: readonly string[]; prefix?: string; whole?: boolean }, take: (told: Told) => Promise<void> | void): Promise<RemoteCapability> {
    const listener: Servant = {
      dispatch: async ({ params }) => {
        const { sequence, lost, soul, origin, more, fields } = params.getRoot(GraphChange);
        const read = Array.from({ length: fields.length }, (_, index) => fieldOf(fields.get(index)));
        await take({ sequence, lost, soul, origin, more, fields: Object.fromEntries(read.map(({ key, value }) => [key, value])) });
        return { results: messageOf(StreamResult, () => undefined) };
      },
      isStreaming: () => true,
    };
    const { results } = await this.graph.call(Graph$Client.interfaceId, 2, messageOf(GraphWatchRequest, (request) => {
      const { souls = [], prefix = '', whole = false } = asked;
      const list = request._initSouls(souls.length);
      souls.forEach((soul, index) => list.set(index, soul));
      request.prefix = prefix;
      request.whole = whole;
      setCapability(request, 2, listener);
    }));
    return kept(capabilityAt(results.getRoot(GraphWatchResponse), 0));
  }

  async souls(asked: Partial<{ prefix: string; after: string; limit: number }> = {}): Promise<{ souls: string[]; next: string }> {
    const { results } = await this.graph.call(Graph$Client.interfaceId, 3, messageOf(GraphSoulsRequest, (request) => void Object.assign(request, asked)));
    const { souls, next } = results.getRoot(GraphSoulsResponse);
    return { souls: Array.from({ length: souls.length }, (_, index) => souls.get(index)), next };
  }

  async status(): Promise<{ isOn: boolean; storeName: string; fieldsAccepted: bigint; address: string }> {
    const { results } = await this.graph.call(Graph$Client.interfaceId, 4, messageOf(GraphStatusRequest, () => undefined));
    const { isOn, storeName, fieldsAccepted, address } = results.getRoot(GraphStatus);
    return { isOn, storeName, fieldsAccepted, address };
  }
}

function fieldOf({ key, state, value }: FieldStruct): GraphField {
  switch (value.which()) {
    case GraphValue_Which.TEXT: return { key, state, value: value.text };
    case GraphValue_Which.NUMBER: return { key, state, value: value.number };
    case GraphValue_Which.BOOL: return { key, state, value: value.bool };
    case GraphValue_Which.LINK: return { key, state, value: { '#': value.link } };
    default: return { key, state, value: null };
  }
}

function kept(found: ReturnType<typeof capabilityAt>): RemoteCapability {
  if (found === undefined || !('call' in found)) throw new Error('the node gave no object of its own');
  found.keep();
  return found;
}
