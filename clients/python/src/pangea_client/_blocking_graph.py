"""The graph of a node, blocking. What each call does stands at the method of the same name in `_graph.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ._blocking_stream import Stream
from ._graph import AsyncGraph, default_wait
from ._portal import Handle
from .graph import GraphChange, GraphNode, GraphPut, GraphStatus, Value


class Graph:
    """The realtime graph that a node shares with gun.js programs: `graph = client.graph()`."""

    def __init__(self, graph: Handle[Any]) -> None:
        self._graph: Handle[AsyncGraph] = graph

    def get(self, soul: str, *, prefix: str = "", start: str = "", end: str = "", wait: float = default_wait) -> GraphNode | None:
        """All fields of a node, or those of a range of keys; `None` when nobody has any of them."""
        return self._graph.call(AsyncGraph.get, soul, prefix=prefix, start=start, end=end, wait=wait)

    def value(self, soul: str, key: str, *, wait: float = default_wait) -> Value:
        """One field; `None` also when there is no such field."""
        return self._graph.call(AsyncGraph.value, soul, key, wait=wait)

    def put(self, soul: str, fields: Mapping[str, Value]) -> GraphPut:
        """Sets fields of a node, at most 4,096 at once; `None` deletes one. Answers when the node has stored them."""
        return self._graph.call(AsyncGraph.put, soul, fields)

    def watch(self, *souls: str, prefix: str = "", whole: bool = False) -> Watch:
        """Nodes by their souls, or all whose soul begins with `prefix`: as they are, then what changes."""
        return Watch(self._graph.open(AsyncGraph.watch, *souls, prefix=prefix, whole=whole))

    def souls(self, prefix: str = "", *, page: int = 256) -> Iterator[str]:
        """Souls of all nodes that are here, in byte order."""
        after = ""
        while True:
            souls, after = self._graph.call(AsyncGraph.souls_page, prefix, after, page)
            yield from souls
            if not after:
                return

    def status(self) -> GraphStatus:
        return self._graph.call(AsyncGraph.status)

    def release(self) -> None:
        """Gives the graph back. Watches go on."""
        self._graph.release()


class Watch(Stream[GraphChange]):
    """`for change in watch`. Ends with `close` or `with`; throws `Unreachable` when the connection is lost."""
