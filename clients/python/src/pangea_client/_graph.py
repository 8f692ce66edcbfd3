"""The graph of a node for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from ._connection import Connection, answer
from ._flow import Inflow
from ._schema import schema
from ._stream import AsyncStream
from ._wire import read
from .errors import error_of
from .graph import GraphChange, GraphNode, GraphPut, GraphStatus, Value, from_wire, to_wire

# Fields that wait here; beyond these the node keeps them, and of each the newest.
waiting_fields = 4096

# What the node asks its peers for when nobody says how long.
default_wait = 2.0


class AsyncGraph:
    """The realtime graph that a node shares with gun.js programs: `graph = client.graph()`.

    A session needs the right `read` for `get`, `watch` and `souls`, `write` for `put`, `observe` for `status`; one that reaches
    some objects only has none. Throws `NotSupported` where the node was started without `--graph-addr`.
    """

    def __init__(self, connection: Connection, capability: Any) -> None:
        self._connection = connection
        self._capability = capability

    async def get(self, soul: str, *, prefix: str = "", start: str = "", end: str = "", wait: float = default_wait) -> GraphNode | None:
        """All fields of a node, or those of a range of keys; `None` when nobody has any of them.

        `prefix` of the keys; from `start` to `end`, both included. When nothing is here, peers are asked for `wait` seconds
        (0 asks nobody, 60 at most).
        """
        node: GraphNode | None = None
        async for fields in self._pages(soul, wait, prefix=prefix, **{"from": start, "to": end}):
            node = GraphNode(soul) if node is None else node
            node.add(fields)
        return node

    async def value(self, soul: str, key: str, *, wait: float = default_wait) -> Value:
        """One field; `None` also when there is no such field."""
        if not key:
            raise error_of("USAGE", "a field has a name")
        async for fields in self._pages(soul, wait, key=key):
            for _, value, _ in fields:
                return value
        return None

    async def _pages(self, soul: str, wait: float, **conditions: str) -> AsyncIterator[list[tuple[str, Value, float]]]:
        after, wait_ms = "", round(wait * 1000)
        while True:
            response = await answer(self._held().get(soul=soul, after=after, waitMs=wait_ms, limit=4096, **conditions))
            if not response.found:
                return
            fields, following = from_wire(response.fields), str(response.next)
            yield fields
            if not following:
                return
            if following == after:
                raise error_of("PROTOCOL", "the node gives the same page of fields again")
            after, wait_ms = following, 0

    async def put(self, soul: str, fields: Mapping[str, Value]) -> GraphPut:
        """Sets fields of a node, at most 4,096 at once; `None` deletes one. Answers when the node has stored them."""
        return read(GraphPut, await answer(self._held().put(soul=soul, fields=to_wire(fields))))

    async def watch(self, *souls: str, prefix: str = "", whole: bool = False) -> AsyncWatch:
        """Nodes by their souls, or all whose soul begins with `prefix`: as they are, then what changes.

        `whole`: each change has all fields of the node. A program that is slower than the changes gets the newest value
        of each field.
        """
        inflow: Inflow[GraphChange] = Inflow(waiting_fields, lambda change: len(change.fields) + 1)
        listener = _Listener(inflow)
        response = await answer(self._held().watch(souls=[*souls], prefix=prefix, whole=whole, listener=listener))
        return AsyncWatch(self._connection, inflow, response.subscription, whole)

    async def souls(self, prefix: str = "", *, page: int = 256) -> AsyncIterator[str]:
        """Souls of all nodes that are here, in byte order."""
        after = ""
        while True:
            souls, after = await self.souls_page(prefix, after, page)
            for soul in souls:
                yield soul
            if not after:
                return

    async def souls_page(self, prefix: str = "", after: str = "", limit: int = 256) -> tuple[tuple[str, ...], str]:
        """One page of `souls`, and where the next begins; empty after the last. At most 1,024."""
        response = await answer(self._held().souls(prefix=prefix, after=after, limit=limit))
        return tuple([str(soul) for soul in response.souls]), str(response.next)

    async def status(self) -> GraphStatus:
        return read(GraphStatus, await answer(self._held().status()))

    def release(self) -> None:
        """Gives the graph back. Watches go on."""
        self._capability = None

    def _held(self) -> Any:
        self._connection.check()
        if self._capability is None:
            raise error_of("ABORTED", "this graph was released")
        return self._capability


class _Listener(schema.GraphListener.Server):  # type: ignore[misc]
    def __init__(self, inflow: Inflow[GraphChange]) -> None:
        self._inflow = inflow

    async def change_context(self, context: Any) -> None:
        change = context.params
        fields = GraphNode(str(change.soul), from_wire(change.fields))
        await self._inflow.put(GraphChange(fields, str(change.origin), change.sequence, change.lost, change.more))


class AsyncWatch(AsyncStream[GraphChange]):
    """`async for change in watch`. Ends with `aclose` or `async with`; throws `Unreachable` when the connection is lost."""

    def __init__(self, connection: Connection, inflow: Inflow[GraphChange], capability: Any, whole: bool) -> None:
        super().__init__(connection, inflow, capability)
        self._whole = whole
        self._begun: GraphChange | None = None

    async def __anext__(self) -> GraphChange:
        while True:
            change = await super().__anext__()
            if self._begun is not None:
                self._begun.fields.update(change.fields)
                self._begun.fields.states.update(change.fields.states)
                change = replace(change, fields=self._begun.fields, lost=change.lost + self._begun.lost)
            if not (self._whole and change.more):
                self._begun = None
                return change
            # Kept here, so that who gives up waiting in the middle of a large node loses nothing of it.
            self._begun = change
