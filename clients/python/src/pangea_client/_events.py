"""Events of a node, as an asynchronous iterator. A slow listener loses events, and is told how many."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from ._connection import Connection, answer
from ._flow import Inflow
from ._schema import schema
from ._stream import AsyncStream
from .errors import error_of
from .records import Event, read_event

EventKind = Literal["peers", "objects", "repair", "firewall", "messages"]
event_kinds: tuple[EventKind, ...] = ("peers", "objects", "repair", "firewall", "messages")

# Beyond these the node keeps them, and drops what it cannot keep.
waiting_events = 256


class _Listener(schema.EventListener.Server):  # type: ignore[misc]
    def __init__(self, inflow: Inflow[Event]) -> None:
        self._inflow = inflow

    async def event_context(self, context: Any) -> None:
        await self._inflow.put(read_event(context.params))


async def _deliver(inflow: Inflow[Event], callback: Callable[[Event], Awaitable[None] | None]) -> None:
    try:
        while (event := await inflow.take()) is not None:
            outcome = callback(event)
            if inspect.isawaitable(outcome):
                await outcome
    finally:
        inflow.discard()


class AsyncSubscription(AsyncStream[Event]):
    """`async for event in subscription`. Ends with `aclose` or `async with`; throws `Unreachable` when the connection is lost."""

    def __init__(self, connection: Connection, inflow: Inflow[Event], capability: Any) -> None:
        super().__init__(connection, inflow, capability)
        self._delivery: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, connection: Connection, session: Any, kinds: tuple[str, ...]) -> AsyncSubscription:
        unknown = [kind for kind in kinds if kind not in event_kinds]
        if unknown or not kinds:
            raise error_of("USAGE", f"events are {', '.join(event_kinds)}{f', not {unknown[0]!r}' if unknown else ''}")
        inflow: Inflow[Event] = Inflow(waiting_events, lambda _: 1)
        response = await answer(session.subscribe(listener=_Listener(inflow), **dict.fromkeys(kinds, True)))
        return cls(connection, inflow, response.subscription)

    def deliver(self, callback: Callable[[Event], Awaitable[None] | None]) -> None:
        """Gives each event to `callback`, one at a time. What it throws ends the subscription (`wait_closed`)."""
        self._delivery = asyncio.ensure_future(_deliver(self._inflow, callback))

    async def wait_closed(self) -> None:
        """Until the delivery to a callback has ended; throws what ended it, unless it was `aclose`."""
        if self._delivery is not None:
            await asyncio.shield(self._delivery)
