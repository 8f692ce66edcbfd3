"""What a node tells as it happens, as an iterator."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Generic, TypeVar

from ._portal import Handle
from ._stream import AsyncStream
from .errors import PangeaError

T = TypeVar("T")
S = TypeVar("S", bound="Stream[Any]")


async def take(source: AsyncIterator[T]) -> T | None:
    try:
        return await anext(source)
    except StopAsyncIteration:
        return None


class Stream(Generic[T]):
    """Ends with `close` or `with`; throws `Unreachable` when the connection is lost."""

    def __init__(self, stream: Handle[Any]) -> None:
        self._stream: Handle[AsyncStream[T]] = stream

    def __iter__(self: S) -> S:
        return self

    def __next__(self) -> T:
        item = self.next()
        if item is None:
            raise StopIteration
        return item

    def next(self, timeout: float | None = None) -> T | None:
        """The next item; `None` when this was closed. Throws `TimedOut` after `timeout` seconds, and loses nothing."""
        return self._stream.within(timeout, take)

    def close(self) -> None:
        """Safe to repeat, from any thread. Who waits for the next item gets the end."""
        with contextlib.suppress(PangeaError):
            self._stream.wait(AsyncStream.aclose)

    def __enter__(self: S) -> S:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
