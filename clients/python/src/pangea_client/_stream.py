"""What a node tells as it happens, as an asynchronous iterator."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Generic, TypeVar

from ._connection import Connection
from ._flow import Inflow

T = TypeVar("T")
S = TypeVar("S", bound="AsyncStream[Any]")


class AsyncStream(Generic[T]):
    """Ends with `aclose` or `async with`; throws `Unreachable` when the connection is lost."""

    def __init__(self, connection: Connection, inflow: Inflow[T], capability: Any) -> None:
        self._inflow = inflow
        self._capability = capability
        self._forget = connection.on_lost(inflow.end)

    def __aiter__(self: S) -> S:
        return self

    async def __anext__(self) -> T:
        item = await self._inflow.take()
        if item is None:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Safe to repeat. Who waits for the next item gets the end."""
        self._forget()
        self._inflow.discard()
        self._capability = None

    async def __aenter__(self: S) -> S:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()
