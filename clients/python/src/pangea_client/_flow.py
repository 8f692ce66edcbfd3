"""Bounded flows between coroutines: bytes on their way to the node, and what comes from it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from ._connection import answer
from .errors import PangeaError, error_of

# pycapnp answers each streaming call by itself instead of keeping a window. Measured over loopback with 1 MiB chunks
# (docs: README, "Speed"): 1 in flight 516 MiB/s, 2: 702, 4: 1,480, 8: 1,420, 16: 1,090.
window_bytes = 4 * 1024 * 1024
window_calls = 256

# How far beyond what was answered for a node may go before it is taken for a broken one.
flood_factor = 8

Progress = Callable[[int, int | None], None]
"""Called with the bytes done and those expected (`None`: unknown)."""

T = TypeVar("T")


class Outflow:
    """Calls under way to one capability, in order. `send` waits while the window is full, and throws what an earlier one met."""

    def __init__(self, total: int | None = None, progress: Progress | None = None) -> None:
        self.acknowledged = 0
        """Bytes that the node took."""
        self._under_way: deque[tuple[Awaitable[Any], int, bool]] = deque()
        self._bytes = 0
        self._total = total
        self._progress = progress

    async def send(self, call: Callable[[], Awaitable[Any]], size: int, *, counts: bool = True) -> None:
        """`counts`: whether the size is content, and so progress."""
        while self._under_way and (self._bytes + size > window_bytes or len(self._under_way) >= window_calls):
            await self._settle_oldest()
        self._under_way.append((call(), size, counts))
        self._bytes += size

    async def settle(self) -> None:
        while self._under_way:
            await self._settle_oldest()

    def drop(self) -> None:
        """Cancels what is under way."""
        self._under_way.clear()
        self._bytes = 0

    async def _settle_oldest(self) -> None:
        promise, size, counts = self._under_way.popleft()
        self._bytes -= size
        try:
            await answer(promise)
        except BaseException:
            self.drop()
            raise
        if counts:
            self.acknowledged += size
            if self._progress is not None:
                self._progress(self.acknowledged, self._total)


class Inflow(Generic[T]):
    """Items from the node, in order. `put` answers when there is room again, which is what slows the node down."""

    def __init__(self, limit: int, weigh: Callable[[T], int]) -> None:
        self._limit = limit
        self._weigh = weigh
        self._items: deque[T] = deque()
        self._weight = 0
        self._ended = False
        self._failure: PangeaError | None = None
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()

    async def put(self, item: T) -> None:
        # Enqueued before anything is awaited: calls are tasks that begin in order.
        if self._ended:
            return
        self._items.append(item)
        self._weight += self._weigh(item)
        self._readable.set()
        if self._weight > self._limit * flood_factor:
            self.discard()
            self._failure = error_of("PROTOCOL", "the node sends on without waiting for answers")
            return
        while self._weight > self._limit and not self._ended:
            self._writable.clear()
            await self._writable.wait()

    async def take(self) -> T | None:
        """The next item; `None` at the end. A failure comes after what arrived before it."""
        while not self._items:
            if self._failure is not None:
                # Anew each time: one that is kept would keep the frames that it went through, and they this.
                raise error_of(self._failure.code, self._failure.message)
            if self._ended:
                return None
            self._readable.clear()
            await self._readable.wait()
        item = self._items.popleft()
        self._weight -= self._weigh(item)
        if self._weight <= self._limit:
            self._writable.set()
        return item

    def end(self, failure: PangeaError | None = None) -> None:
        """No more will come. Safe to repeat: the first reason stays."""
        if self._ended:
            return
        self._ended = True
        self._failure = failure
        self._readable.set()
        self._writable.set()

    def discard(self) -> None:
        self.end()
        self._items.clear()
        self._weight = 0
        self._failure = None
