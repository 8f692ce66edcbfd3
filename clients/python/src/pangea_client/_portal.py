"""A thread of its own that runs an asyncio loop, and calls into it from any other thread.

pycapnp's objects must live and die on the thread that made them. So callers hold keys, the objects stay in a table of
the loop's thread, and errors cross without the frames that refer to them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import itertools
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

from .errors import error_of

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")


class Portal:
    def __init__(self) -> None:
        self._held: dict[int, Any] = {}
        self._keys = itertools.count(1)
        self._process = os.getpid()
        self._started: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        self._is_closed = False
        self._closing = threading.Lock()
        self._stop: asyncio.Event | None = None
        # A daemon: a program that forgets to close must still be able to end; `Client` closes it at exit.
        self._thread = threading.Thread(target=self._main, name="pangea-client", daemon=True)
        self._thread.start()
        self._loop = self._started.result()

    def _main(self) -> None:
        async def serve() -> None:
            self._stop = asyncio.Event()
            self._started.set_result(asyncio.get_running_loop())
            await self._stop.wait()
            held, self._held = self._held, {}
            for each in held.values():
                if hasattr(each, "close"):
                    await each.close()

        asyncio.run(serve())

    def _check(self) -> None:
        if os.getpid() != self._process:
            raise RuntimeError("this client was made before a fork: connect anew in the child process")
        if threading.current_thread() is self._thread:
            raise RuntimeError("a blocking call inside of the client's own thread would wait for itself")
        if self._is_closed:
            raise error_of("ABORTED", "this client is closed")

    def run(self, function: Callable[[], Awaitable[R]], timeout: float | None) -> R:
        """Runs it in the loop's thread and waits. Ctrl-C and a passed `timeout` (seconds) cancel it there."""
        self._check()
        future = asyncio.run_coroutine_threadsafe(_guarded(function), self._loop)
        try:
            value, failure = future.result(timeout)
        except concurrent.futures.CancelledError:
            raise error_of("ABORTED", "this client was closed during the call") from None
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise error_of("TIMEOUT", f"no answer within {timeout:g} s") from None
        except BaseException:
            future.cancel()
            raise
        if failure is not None:
            try:
                raise failure
            finally:
                del failure
        return cast(R, value)

    def hold(self, value: Any) -> int:
        """In the loop's thread."""
        key = next(self._keys)
        self._held[key] = value
        return key

    def held(self, key: int) -> Any:
        if key not in self._held:
            raise error_of("ABORTED", "this was closed")
        return self._held[key]

    def drop(self, key: int) -> None:
        """From any thread, and from the garbage collector."""
        if not self._is_closed and os.getpid() == self._process:
            try:
                self._loop.call_soon_threadsafe(self._held.pop, key, None)
            except RuntimeError:  # the loop has just ended
                return

    def close(self) -> None:
        """Ends what is held, the loop and the thread. Safe to repeat, from any thread."""
        if os.getpid() != self._process:
            return
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            assert self._stop is not None
            self._loop.call_soon_threadsafe(self._stop.set)
        if threading.current_thread() is not self._thread:
            self._thread.join()


async def _guarded(function: Callable[[], Awaitable[Any]]) -> tuple[Any, BaseException | None]:
    try:
        return await function(), None
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return None, _without_frames(error)


def _without_frames(error: BaseException | None) -> Any:
    if error is not None:
        error.__traceback__ = None
        error.__context__ = None
        _without_frames(error.__cause__)
    return error


class Handle(Generic[T]):
    """A key to an object of the loop's thread, which lives as long as this does."""

    def __init__(self, portal: Portal, key: int, timeout: float | None) -> None:
        self.portal = portal
        self.timeout = timeout
        self._key = key
        weakref.finalize(self, portal.drop, key).atexit = False

    @classmethod
    def make(cls, portal: Portal, timeout: float | None, function: Callable[[], Awaitable[T]]) -> Handle[T]:
        async def held() -> int:
            return portal.hold(await function())

        return cls(portal, portal.run(held, timeout), timeout)

    def call(self, method: Callable[Concatenate[T, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """`method` of the object, within the client's time limit."""
        return self.portal.run(lambda: method(self._object(), *args, **kwargs), self.timeout)

    def wait(self, method: Callable[Concatenate[T, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same without a limit, for what takes as long as it takes."""
        return self.portal.run(lambda: method(self._object(), *args, **kwargs), None)

    def within(self, timeout: float | None, method: Callable[[T], Awaitable[R]]) -> R:
        return self.portal.run(lambda: method(self._object()), timeout)

    def look(self, function: Callable[[T], R]) -> R:
        """What does not wait for anything."""

        async def looked() -> R:
            return function(self._object())

        return self.portal.run(looked, self.timeout)

    def open(self, method: Callable[Concatenate[T, P], Any], *args: P.args, **kwargs: P.kwargs) -> Handle[Any]:
        """For a method whose result is itself such an object."""

        async def opened() -> Any:
            value = method(self._object(), *args, **kwargs)
            return await value if inspect.isawaitable(value) else value

        return Handle.make(self.portal, self.timeout, opened)

    def release(self) -> None:
        self.portal.drop(self._key)

    def _object(self) -> T:
        """In the loop's thread."""
        return cast(T, self.portal.held(self._key))
