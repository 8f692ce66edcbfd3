/** What happens, to a client's listener, for as long as it holds the subscription. */
import type { Message } from 'capnp-es';
import type { NodeEventKind } from '../../api/api.ts';
import type { RemoteCapability, Servant } from '../engine/engine.ts';
import { Event, EventListener$Client } from '../schema/pangea.ts';
import { tells } from '../rights.ts';
import type { Authority } from './authority.ts';
import { eventRoom, writeEvent } from './event-writer.ts';
import { messageOf, servantOf, type InterfaceClass } from './method.ts';
import type { Surface } from './surface.ts';

/** Items on their way to one listener; more wait, and at last are dropped, on the node's side. */
const underWay = 16;

/** Whom to tell, and how: the listener's first method takes each message. */
export interface Telling<T> {
  readonly listener: RemoteCapability;
  readonly schema: InterfaceClass;
  /** Undefined for what this client is not to hear of. `sequence` counts what it was told, from 1. */
  readonly message: (item: T, sequence: bigint) => Message | undefined;
}

export function subscribeEvents(surface: Surface, authority: Authority, kinds: readonly NodeEventKind[], listener: RemoteCapability): Promise<Servant> {
  return openSubscription(surface, authority, () => surface.node.events(kinds), {
    listener, schema: EventListener$Client,
    message: (queued, sequence) =>
      tells(authority.rights, queued.event) ? messageOf(Event, (event) => writeEvent(event, sequence, queued), eventRoom(queued)) : undefined,
  });
}

/** Throws `TOO_MANY`, and what `open` throws. */
export async function openSubscription<T>(surface: Surface, authority: Authority, open: () => Promise<AsyncIterable<T>>, telling: Telling<T>): Promise<Servant> {
  const { listener } = telling;
  const release = surface.take('subscription');
  listener.keep();
  const operation = authority.operation(surface.signal);
  try {
    const items = (await open())[Symbol.asyncIterator]();
    const stop = (): void => void items.return?.();
    if (operation.signal.aborted) stop();
    operation.signal.addEventListener('abort', stop, { once: true });
    void deliver(surface, items, telling, operation.signal).finally(() => {
      stop();
      operation.end();
      listener.release();
      release();
    });
    return servantOf(surface, 'Subscription', [], stop);
  } catch (error) {
    operation.end();
    listener.release();
    release();
    throw error;
  }
}

/** Ends with the items, or with the first that the listener does not take. */
async function deliver<T>(surface: Surface, items: AsyncIterator<T>, { listener, schema, message }: Telling<T>, signal: AbortSignal): Promise<void> {
  let sequence = 0n;
  let waiting = 0;
  let isRefused = false;
  let wake: (() => void) | undefined;
  const settled = (): void => {
    waiting -= 1;
    wake?.();
  };
  try {
    for (let next = await items.next(); next.done !== true && !isRefused; next = await items.next()) {
      const params = message(next.value, sequence + 1n);
      if (params === undefined) continue;
      sequence += 1n;
      await surface.pace(signal);
      waiting += 1;
      listener.call(schema.interfaceId, 0, params).then(settled, () => {
        isRefused = true;
        void items.return?.();
        settled();
      });
      while (waiting >= underWay) await new Promise<void>((resolve) => (wake = resolve));
    }
  } catch (error) {
    // Neither the node's end nor the client's is news to anybody: the subscription is over.
    surface.logger.debug({ error }, 'a subscription ended');
  }
}
