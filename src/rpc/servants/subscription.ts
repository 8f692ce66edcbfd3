/** Events to a client's listener, for as long as it holds the subscription. */
import type { NodeEventKind } from '../../api/api.ts';
import type { QueuedEvent } from '../bridge/event-queue.ts';
import type { RemoteCapability, Servant } from '../engine/engine.ts';
import { Event, EventListener$Client } from '../schema/pangea.ts';
import { tells, type Rights } from '../rights.ts';
import type { Authority } from './authority.ts';
import { eventRoom, writeEvent } from './event-writer.ts';
import { messageOf, servantOf } from './method.ts';
import type { Surface } from './surface.ts';

/** Events on their way to one listener; more wait, and at last are dropped, on the node's side. */
const underWay = 16;

export async function openSubscription(surface: Surface, authority: Authority, kinds: readonly NodeEventKind[], listener: RemoteCapability): Promise<Servant> {
  const release = surface.take('subscription');
  listener.keep();
  const operation = authority.operation(surface.signal);
  try {
    const events = (await surface.node.events(kinds))[Symbol.asyncIterator]();
    const stop = (): void => void events.return?.();
    if (operation.signal.aborted) stop();
    operation.signal.addEventListener('abort', stop, { once: true });
    void deliver(surface, authority.rights, events, listener, operation.signal).finally(() => {
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

/** Ends with the events, or with the first that the listener does not take. */
async function deliver(surface: Surface, rights: Rights, events: AsyncIterator<QueuedEvent>, listener: RemoteCapability, signal: AbortSignal): Promise<void> {
  let sequence = 0n;
  let waiting = 0;
  let isRefused = false;
  let wake: (() => void) | undefined;
  const settled = (): void => {
    waiting -= 1;
    wake?.();
  };
  try {
    for (let next = await events.next(); next.done !== true && !isRefused; next = await events.next()) {
      const queued = next.value;
      if (!tells(rights, queued.event)) continue;
      sequence += 1n;
      await surface.pace(signal);
      const params = messageOf(Event, (event) => writeEvent(event, sequence, queued), eventRoom(queued));
      waiting += 1;
      listener.call(EventListener$Client.interfaceId, 0, params).then(settled, () => {
        isRefused = true;
        void events.return?.();
        settled();
      });
      while (waiting >= underWay) await new Promise<void>((resolve) => (wake = resolve));
    }
  } catch (error) {
    // Neither the node's end nor the client's is news to anybody: the subscription is over.
    surface.logger.debug({ error }, 'a subscription ended');
  }
}
