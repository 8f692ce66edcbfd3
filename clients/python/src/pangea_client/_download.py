"""Reading an object: chunks come to a sink of ours, which answers as fast as they are taken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

from ._connection import answer
from ._flow import Inflow
from ._schema import schema
from ._wire import read
from .errors import PangeaError, error_of
from .records import GetResult

buffer_bytes = 8 * 1024 * 1024


class _ByteSink(schema.ByteSink.Server):  # type: ignore[misc]
    def __init__(self, inflow: Inflow[bytes]) -> None:
        self._inflow = inflow

    async def write_context(self, context: Any) -> None:
        # A copy: pycapnp's view of it (`get_data_as_view`) is never released.
        await self._inflow.put(context.params.chunk)

    async def done_context(self, context: Any) -> None:
        pass


async def _download(session: Any, request: dict[str, Any], inflow: Inflow[bytes]) -> GetResult | None:
    try:
        result = read(GetResult, await answer(session.get(sink=_ByteSink(inflow), **request)))
    except PangeaError as error:
        inflow.end(error.with_traceback(None))
        return None
    except BaseException:
        inflow.end(error_of("ABORTED", "the download was given up"))
        raise
    # One turn later, so that whoever takes the end finds this task done.
    asyncio.get_running_loop().call_soon(inflow.end)
    return result


class AsyncDownload:
    """The bytes of an object, or of a range of it, chunk by chunk: `async for chunk in download`.

    Left early (`aclose`, the end of `async with`), the node stops reading. `result` is set at the end.
    """

    def __init__(self, session: Any, request: dict[str, Any]) -> None:
        self.result: GetResult | None = None
        self.received = 0
        self._inflow: Inflow[bytes] = Inflow(buffer_bytes, len)
        # The task does not know this object, so that one which is forgotten ends (`__del__`).
        self._call = asyncio.ensure_future(_download(session, request, self._inflow))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._inflow.take()
        if chunk is None:
            if self.result is None and self._call.done() and not self._call.cancelled():
                self.result = self._call.result()
            if self.result is not None and self.result.size != self.received:
                raise error_of("PROTOCOL", f"the node says that it sent {self.result.size} bytes, {self.received} came")
            raise StopAsyncIteration
        self.received += len(chunk)
        return chunk

    def __del__(self) -> None:
        if not self._call.done():
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the call with it
                self._call.get_loop().call_soon_threadsafe(self._call.cancel)

    async def aclose(self) -> None:
        """Safe to repeat."""
        self._inflow.discard()
        if not self._call.done():
            self._call.cancel()
            await asyncio.gather(self._call, return_exceptions=True)

    async def __aenter__(self) -> AsyncDownload:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()


class AsyncReader:
    """An object as a file to read from: `read`, `seek`, `tell`. Reads in order become one stream; others are ranges.

    Positions and sizes are bytes. Not for several tasks at once: each opens its own.
    """

    stream_from_bytes = 4 * 1024 * 1024

    def __init__(self, session: Any, reference: str, path: str, name: str, size: int | None) -> None:
        self.name = name
        self.size = size
        """`None` while unknown: one file of a directory object that was not yet read to its end."""
        self._session = session
        self._request = {"reference": reference, "path": path}
        self._at = 0
        self._last_end = -1
        self._stream: AsyncDownload | None = None
        self._left = memoryview(b"")
        """What came and was not read yet; it begins at `_left_at`."""
        self._left_at = 0
        self._stream_end: int | None = None
        """Where a range that was asked for ends; `None`: the stream goes to the end of the object."""

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Free of charge: the next read asks for what it needs. Throws `ValueError` before the start or an unknown end."""
        if whence == 2 and self.size is None:
            raise ValueError("the size of one file of a directory object is not known before it was read to its end")
        start = {0: 0, 1: self._at, 2: self.size}.get(whence)
        if start is None:
            raise ValueError(f"whence is 0, 1 or 2, not {whence}")
        if start + offset < 0:
            raise ValueError(f"{start + offset} is before the start")
        self._at = start + offset
        return self._at

    async def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, fewer only at the end; all that is left when negative."""
        if self._session is None:
            raise ValueError("read of a closed file")
        pieces: list[bytes | memoryview] = []
        wanted = size
        while wanted != 0:
            piece = await self._read_some(wanted)
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece) if size >= 0 else 0
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)

    async def _read_some(self, size: int) -> memoryview:
        if self.size is not None:
            left = self.size - self._at
            if left <= 0:
                return memoryview(b"")
            size = left if size < 0 else min(size, left)
        skip = self._at - self._left_at
        is_used_up = skip == len(self._left) and (self._stream is None or self._at == self._stream_end)
        if skip < 0 or skip > len(self._left) or is_used_up:
            await self._begin(size)
            skip = 0
        while skip == len(self._left):
            self._left_at, skip = self._at, 0
            try:
                self._left = memoryview(await anext(self._stream)) if self._stream is not None else memoryview(b"")
            except StopAsyncIteration:
                self._left, self._stream = memoryview(b""), None
                if self.size is None and self._stream_end is None:
                    self.size = self._at
                return memoryview(b"")
        piece = self._left[skip : skip + size] if size >= 0 else self._left[skip:]
        self._at += len(piece)
        self._last_end = self._at
        return piece

    async def _begin(self, size: int) -> None:
        await self._stop()
        in_order = self._at == self._last_end
        is_range = not in_order and 0 <= size < self.stream_from_bytes
        self._stream_end = self._at + size if is_range else None
        self._stream = AsyncDownload(self._session, {**self._request, "offset": self._at, "length": size if is_range else -1})
        self._left_at = self._at

    async def _stop(self) -> None:
        stream, self._stream, self._left = self._stream, None, memoryview(b"")
        if stream is not None:
            await stream.aclose()

    async def aclose(self) -> None:
        self._session = None
        await self._stop()

    async def __aenter__(self) -> AsyncReader:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()
