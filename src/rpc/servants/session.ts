/** A capability with rights: everything that this node does for its own people. */
import type { NodeEventKind, PutOptions, RepairAction as RepairActionName } from '../../api/api.ts';
import { PangeaError } from '../../errors/errors.ts';
import { setCapability } from '../engine/capabilities.ts';
import type { Servant } from '../engine/engine.ts';
import { limits } from '../limits.ts';
import { demandObject, type Right } from '../rights.ts';
import {
  ConnectPeerRequest, ConnectPeerResponse, ControlRepairRequest, FirewallRequest, FirewallState, GetRequest, GetResponse, GetTreeRequest,
  GetTreeResponse, GraphRequest, GraphResponse, InviteRequest, InviteResponse, ListRequest, ListResponse, MetricsRequest, MetricsResponse, NarrowRequest, NarrowResponse,
  ObjectInfo, ObjectRequest, PeersRequest, PeersResponse, Plan, PlanRequest, PutRequest, PutResponse, PutTreeResponse, RemoveResponse, RepairAction,
  RepairRequest, RepairState, RevokePeerRequest, RevokePeerResponse, Revoker$Client, RevokeRequest, RevokeResponse, Session$Client,
  SetFirewallRequest, Status, StatusRequest, SubscribeRequest, SubscribeResponse,
} from '../schema/pangea.ts';
import type { Struct } from 'capnp-es';
import type { Authority } from './authority.ts';
import { answer, method, nothing, servantOf, type Answer, type Implemented, type Method, type StructClass } from './method.ts';
import { ackLevelOf, infoAnswer, pageAnswer } from './object-answers.ts';
import { graphAnswer } from './graph.ts';
import { readRights, writeRights } from './rights-struct.ts';
import { boundedList, boundedText, neededText, remoteAt, wholeNumber } from './read.ts';
import { SinkWriter } from './sink-writer.ts';
import { firewallAnswer, peersAnswer, planAnswer, repairAnswer, statusAnswer } from './state-answers.ts';
import { subscribeEvents } from './subscription.ts';
import type { Surface } from './surface.ts';
import { treeUploadAnswer, uploadAnswer } from './upload.ts';
import { roomOf, whole } from './write.ts';

const pageSize = 256;
const repairActions: Readonly<Record<number, RepairActionName>> = {
  [RepairAction.RUN_ONCE]: 'runOnce', [RepairAction.PAUSE]: 'pause', [RepairAction.RESUME]: 'resume',
};

/** Throws `TOO_MANY`. */
export function openSession(surface: Surface, authority: Authority): Servant {
  return servantOf(surface, 'Session', [sessionMethods(surface, authority)], surface.take('session'));
}

function sessionMethods(surface: Surface, authority: Authority): Implemented {
  const { node, clock } = surface;
  /** A method that needs one right, asked for before anything is done. */
  const under = <P extends Struct, R extends Struct, A>(
    right: Right, Params: StructClass<P>, Results: StructClass<R>, read: (params: P) => A, run: (asked: A, signal: AbortSignal) => Promise<Answer<R>>,
  ): Method => method(surface, Params, Results, read, (asked, { signal }) => {
    authority.demand(right);
    return run(asked, signal);
  });
  const none = (): undefined => undefined;

  return {
    schema: Session$Client,
    methods: [
      under('write', PutRequest, PutResponse, readPut, async (options) => uploadAnswer(surface, authority, await allowed(surface, authority, options))),
      under('read', GetRequest, GetResponse, readGet, async ({ reference, sink, ...options }, signal) => {
        const startedMs = clock.monotonicMs();
        return transfer(surface, authority, signal, async (during) => {
          const { content, name, mediaType } = await node.get(await reached(surface, authority, reference), { ...options, signal: during });
          const writer = new SinkWriter(surface, sink, 'bytes', during);
          for await (const chunk of content) await writer.write(chunk);
          await writer.done();
          return answer((response) => {
            response.objectName = name;
            response.mediaType = mediaType;
            response.bytes = whole(writer.bytes);
            response.seconds = (clock.monotonicMs() - startedMs) / 1000;
          }, 64 + roomOf(name, mediaType));
        });
      }),
      under('write', PutRequest, PutTreeResponse, readPut, async (options) => treeUploadAnswer(surface, authority, await allowed(surface, authority, options))),
      under('read', GetTreeRequest, GetTreeResponse, readGetTree, ({ reference, sink }, signal) => transfer(surface, authority, signal, async (during) => {
        const { name, entries } = await node.getTree(await reached(surface, authority, reference), { signal: during });
        const writer = new SinkWriter(surface, sink, 'tree', during);
        let count = 0n;
        for await (const { content, ...facts } of entries) {
          await writer.entry(facts);
          count += 1n;
          if (content !== undefined) for await (const chunk of content) await writer.write(chunk);
        }
        await writer.done();
        return answer((response) => {
          response.objectName = name;
          response.entries = count;
          response.bytes = whole(writer.bytes);
        }, 64 + roomOf(name));
      })),
      under('read', ObjectRequest, ObjectInfo, readReference, async (reference) => infoAnswer(await node.info(await reached(surface, authority, reference)))),
      under('read', ListRequest, ListResponse, readList, async (request) => pageAnswer(await node.page({ ...request, only: authority.rights.onlyObjects }))),
      under('remove', ObjectRequest, RemoveResponse, readReference, async (reference) => {
        const { root, confirmed, holders } = await node.remove(await reached(surface, authority, reference));
        return answer((response) => {
          response.root = root;
          response.confirmed = confirmed;
          response.holders = holders;
        });
      }),
      under('observe', SubscribeRequest, SubscribeResponse, readSubscribe, async ({ kinds, listener }) => {
        const subscription = await subscribeEvents(surface, authority, kinds, listener);
        return answer((response) => setCapability(response, 0, subscription));
      }),
      under('observe', StatusRequest, Status, none, async () => statusAnswer(await node.status())),
      under('observe', PeersRequest, PeersResponse, none, async () => peersAnswer(await node.peers())),
      under('observe', PlanRequest, Plan, none, async () => planAnswer(await node.plan())),
      under('observe', MetricsRequest, MetricsResponse, none, async () => {
        const text = await node.metrics();
        return answer((response) => void (response.text = text), roomOf(text));
      }),
      under('observe', FirewallRequest, FirewallState, none, async () => firewallAnswer(await node.firewall())),
      under('control', SetFirewallRequest, FirewallState,
        (params) => boundedList('the allowlist', params._hasAllow(), () => params.allow, (block) => neededText('a block', block)),
        async (allow) => firewallAnswer(await node.setFirewall(allow))),
      under('observe', RepairRequest, RepairState, none, async () => repairAnswer(await node.repair())),
      under('control', ControlRepairRequest, RepairState, readRepairAction, async (action) => repairAnswer(await node.controlRepair(action))),
      under('control', ConnectPeerRequest, ConnectPeerResponse, ({ address }) => neededText('the address', address), async (address) => {
        const { peer } = await node.connectPeer(address);
        return answer((response) => void (response.peerId = peer));
      }),
      under('control', RevokePeerRequest, RevokePeerResponse, ({ peerId }) => neededText('the peer id', peerId), async (peer) => {
        await node.revokePeer(peer);
        return nothing;
      }),
      under('control', InviteRequest, InviteResponse, readInvite, async (options) => {
        const { ticket } = await node.invite(options);
        return answer((response) => void (response.ticket = ticket), roomOf(ticket));
      }),
      method(surface, NarrowRequest, NarrowResponse, readNarrow, async (wanted) => {
        authority.demandValid();
        const narrowed = authority.narrow(wanted);
        const session = openSession(surface, narrowed);
        return answer((response) => {
          setCapability(response, 0, session);
          writeRights(response._initRights(), narrowed.rights);
          setCapability(response, 2, revokerOf(surface, narrowed));
        }, 256 + roomOf([...(narrowed.rights.onlyObjects ?? [])]));
      }),
      method(surface, GraphRequest, GraphResponse, none, async () => graphAnswer(surface, authority)),
    ],
  };
}

function revokerOf(surface: Surface, authority: Authority): Servant {
  return servantOf(surface, 'Revoker', [{
    schema: Revoker$Client,
    methods: [method(surface, RevokeRequest, RevokeResponse, () => undefined, async () => {
      authority.revoke();
      return nothing;
    })],
  }]);
}

/** Counts among the connection's transfers, and ends with the call, the authority or the connection. */
async function transfer<R>(surface: Surface, authority: Authority, signal: AbortSignal, run: (during: AbortSignal) => Promise<R>): Promise<R> {
  const release = surface.take('transfer');
  const operation = authority.operation(signal, surface.signal);
  try {
    return await run(operation.signal);
  } finally {
    operation.end();
    release();
  }
}

/**
 * The reference, when the session reaches its object. A session that reaches only some gets their roots instead: what was
 * looked at is what is then used, whatever a name stands for by then.
 */
async function reached({ node }: Surface, { rights }: Authority, reference: string): Promise<string> {
  if (rights.onlyObjects === undefined) return reference;
  const root = rights.onlyObjects.has(reference) ? reference : await node.rootOf(reference);
  demandObject(rights, root);
  return root;
}

/** Who may write but not read everything must not learn of objects through what a put takes from, or gives back of, others. */
async function allowed(surface: Surface, authority: Authority, options: PutOptions): Promise<PutOptions> {
  const { granted, onlyObjects } = authority.rights;
  if (granted.has('read') && onlyObjects === undefined) return options;
  if (options.requestId !== undefined) throw new PangeaError('DENIED', 'a request id gives an earlier record: it needs the right to read all objects');
  if (options.dictionary === undefined) return options;
  authority.demand('read');
  return { ...options, dictionary: await reached(surface, authority, options.dictionary) };
}

function readPut(params: PutRequest): PutOptions {
  const { mediaType, dictionary, requestId, expectedBytes } = params;
  const ack = ackLevelOf(params.acknowledge);
  return {
    name: boundedText('the name', params.objectName),
    ...(mediaType === '' ? {} : { mediaType: boundedText('the media type', mediaType) }),
    ...(ack === undefined ? {} : { ack }),
    ...(expectedBytes < 0n ? {} : { expectedBytes: wholeNumber('the expected size', expectedBytes) }),
    ...(dictionary === '' ? {} : { dictionary: boundedText('the dictionary', dictionary) }),
    ...(requestId === '' ? {} : { requestId: boundedText('the request id', requestId) }),
  };
}

function readGet(params: GetRequest) {
  const { length, path } = params;
  return {
    reference: neededText('the reference', params.reference),
    sink: remoteAt(params, 2, 'the sink'),
    offset: wholeNumber('the offset', params.offset),
    ...(length < 0n ? {} : { length: wholeNumber('the length', length) }),
    ...(path === '' ? {} : { path: boundedText('the path', path) }),
  };
}

function readGetTree(params: GetTreeRequest) {
  return { reference: neededText('the reference', params.reference), sink: remoteAt(params, 1, 'the sink') };
}

function readReference(params: ObjectRequest): string {
  return neededText('the reference', params.reference);
}

function readList({ pattern, after, limit }: ListRequest) {
  return { pattern: boundedText('the pattern', pattern), after: boundedText('the place', after), limit: Math.min(limit === 0 ? pageSize : limit, limits.pageRecords) };
}

function readSubscribe(params: SubscribeRequest) {
  const wanted: [boolean, NodeEventKind][] = [
    [params.peers, 'peer'], [params.objects, 'object'], [params.repair, 'repair'], [params.firewall, 'firewall'], [params.messages, 'message'],
  ];
  const kinds = wanted.filter(([is]) => is).map(([, kind]) => kind);
  if (kinds.length === 0) throw new PangeaError('USAGE', 'no kind of event is wanted');
  return { kinds, listener: remoteAt(params, 0, 'the listener') };
}

function readRepairAction({ action }: ControlRepairRequest): RepairActionName {
  const known = repairActions[action];
  if (known === undefined) throw new PangeaError('USAGE', `${String(action)} is no action`);
  return known;
}

function readInvite({ uses, expiresInMs }: InviteRequest) {
  return { uses, expiresMs: wholeNumber('the time until it expires', expiresInMs) };
}

function readNarrow(params: NarrowRequest) {
  if (!params._hasRights()) throw new PangeaError('USAGE', 'the rights are missing');
  return readRights(params.rights);
}
