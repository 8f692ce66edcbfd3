/** The node's graph as a capability: `read` for what is in it, `write` for puts, `observe` for its status. */
import type { Struct } from 'capnp-es';
import type { GraphChange as Change, GraphInterest, GraphNodeView, GraphRange } from '../../api/api.ts';
import { PangeaError } from '../../errors/errors.ts';
import { setCapability } from '../engine/capabilities.ts';
import type { RemoteCapability, Servant } from '../engine/engine.ts';
import { limits } from '../limits.ts';
import {
  Graph$Client, GraphChange, GraphGetRequest, GraphGetResponse, GraphListener$Client, GraphOrigin, GraphPutRequest, GraphPutResponse, GraphSoulsRequest,
  GraphSoulsResponse, GraphStatus, GraphStatusRequest, GraphWatchRequest, GraphWatchResponse, type GraphResponse,
} from '../schema/pangea.ts';
import type { Right } from '../rights.ts';
import type { Authority } from './authority.ts';
import { graphStatusAnswer, storedOf } from './graph-status.ts';
import { fieldsRoom, readInput, writeFields } from './graph-values.ts';
import { answer, messageOf, method, servantOf, type Answer, type Method, type StructClass } from './method.ts';
import { boundedList, boundedText, neededText, remoteAt } from './read.ts';
import { openSubscription, type Telling } from './subscription.ts';
import type { Surface } from './surface.ts';
import { fillTexts, roomOf, whole } from './write.ts';

const pageSouls = 256;
const origins = { now: GraphOrigin.NOW, local: GraphOrigin.LOCAL, peer: GraphOrigin.PEER, deferred: GraphOrigin.DEFERRED };

/** Throws `TOO_MANY`, and `DENIED` for a session that reaches only some objects: souls are none, and nothing of the graph is theirs. */
export function graphAnswer(surface: Surface, authority: Authority): Answer<GraphResponse> {
  authority.demandValid();
  if (authority.rights.onlyObjects !== undefined) throw new PangeaError('DENIED', 'this session reaches some objects only, and no graph');
  const graph = graphServant(surface, authority);
  return answer((response) => setCapability(response, 0, graph));
}

function graphServant(surface: Surface, authority: Authority): Servant {
  const { graph } = surface.node;
  const under = <P extends Struct, R extends Struct, A>(
    right: Right, Params: StructClass<P>, Results: StructClass<R>, read: (params: P) => A, run: (asked: A, signal: AbortSignal) => Promise<Answer<R>>,
  ): Method => method(surface, Params, Results, read, (asked, { signal }) => {
    authority.demand(right);
    return run(asked, signal);
  });

  return servantOf(surface, 'Graph', [{
    schema: Graph$Client,
    methods: [
      under('read', GraphGetRequest, GraphGetResponse, readGet, async ({ soul, ...options }, signal) => nodeAnswer(await graph.get(soul, options, signal))),
      under('write', GraphPutRequest, GraphPutResponse, (params) => ({ soul: neededText('the soul', params.soul), input: readInput(params) }), async ({ soul, input }) => {
        const { state, stored } = await graph.put(soul, input);
        return answer((response) => {
          response.state = state;
          response.stored = storedOf(stored);
        });
      }),
      under('read', GraphWatchRequest, GraphWatchResponse, readWatch, async ({ interest, listener }) => {
        const subscription = await openSubscription(surface, authority, () => graph.watch(interest), tellingTo(listener));
        return answer((response) => setCapability(response, 0, subscription));
      }),
      under('read', GraphSoulsRequest, GraphSoulsResponse, readSouls, async (request) => {
        const { souls, next } = await graph.souls(request);
        return answer((response) => {
          fillTexts(response._initSouls(souls.length), souls);
          response.next = next;
        }, 64 + roomOf(souls, next));
      }),
      under('observe', GraphStatusRequest, GraphStatus, () => undefined, async () => graphStatusAnswer(await graph.status())),
    ],
  }], surface.take('session'));
}

function nodeAnswer(node: GraphNodeView | undefined): Answer<GraphGetResponse> {
  if (node === undefined) return answer(() => undefined);
  const { fields, more } = node;
  return answer((response) => {
    response.found = true;
    writeFields(response._initFields(fields.length), fields);
    if (more === true) response.next = fields.at(-1)?.key ?? '';
  }, 64 + fieldsRoom(fields));
}

function tellingTo(listener: RemoteCapability): Telling<Change> {
  return {
    listener, schema: GraphListener$Client,
    message: ({ soul, origin, fields, more = false, lost = 0 }, sequence) => messageOf(GraphChange, (change) => {
      change.sequence = sequence;
      change.lost = whole(lost);
      change.soul = soul;
      change.origin = origins[origin];
      writeFields(change._initFields(fields.length), fields);
      change.more = more;
    }, 128 + roomOf(soul) + fieldsRoom(fields)),
  };
}

function readGet(params: GraphGetRequest): GraphRange & { soul: string; waitMs: number } {
  const { limit, waitMs } = params;
  if (waitMs > limits.graphWaitMs) throw new PangeaError('USAGE', `waitMs is at most ${limits.graphWaitMs}`);
  const given = (what: 'key' | 'prefix' | 'from' | 'to' | 'after'): Partial<Record<typeof what, string>> =>
    params[what] === '' ? {} : { [what]: boundedText(what, params[what]) };
  return {
    soul: neededText('the soul', params.soul), ...given('key'), ...given('prefix'), ...given('from'), ...given('to'), ...given('after'),
    limit: { fields: Math.min(limit === 0 ? limits.graphPageFields : limit, limits.graphFields), chars: limits.graphPageChars },
    waitMs,
  };
}

function readWatch(params: GraphWatchRequest): { readonly interest: GraphInterest; readonly listener: RemoteCapability } {
  const named = boundedList('the souls', params._hasSouls(), () => params.souls, (soul) => neededText('a soul', soul), limits.graphSouls);
  const prefix = boundedText('the prefix', params.prefix);
  if ((named.length === 0) === (prefix === '')) throw new PangeaError('USAGE', 'a watch names either souls or a prefix of souls');
  const souls = prefix === '' ? [...new Set(named)] : { prefix };
  return { interest: { souls, whole: params.whole }, listener: remoteAt(params, 2, 'the listener') };
}

function readSouls({ prefix, after, limit }: GraphSoulsRequest) {
  return { prefix: boundedText('the prefix', prefix), after: boundedText('the place', after), limit: Math.min(limit === 0 ? pageSouls : limit, limits.pageRecords) };
}
