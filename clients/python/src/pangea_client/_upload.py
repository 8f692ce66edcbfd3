"""Writing an object: small writes are gathered into chunks, and several chunks are under way at once."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ._connection import Connection, answer
from ._flow import Outflow, Progress
from ._source import as_bytes
from ._wire import read
from .errors import error_of
from .records import PutResult


class Chunks:
    """Cuts what is written into chunks and sends them with `write` of a capability."""

    def __init__(self, capability: Any, chunk_bytes: int, outflow: Outflow) -> None:
        self._capability = capability
        self._chunk_bytes = chunk_bytes
        self._outflow = outflow
        self._gathered = bytearray()

    async def write(self, data: Any) -> int:
        view = as_bytes(data)
        taken = 0
        if self._gathered:
            taken = min(len(view), self._chunk_bytes - len(self._gathered))
            self._gathered += view[:taken]
            if len(self._gathered) == self._chunk_bytes:
                await self.flush()
        while len(view) - taken >= self._chunk_bytes:
            await self._send(view[taken : taken + self._chunk_bytes])
            taken += self._chunk_bytes
        self._gathered += view[taken:]
        return len(view)

    async def flush(self) -> None:
        if self._gathered:
            gathered, self._gathered = self._gathered, bytearray()
            await self._send(memoryview(gathered))

    async def _send(self, chunk: memoryview) -> None:
        await self._outflow.send(lambda: self._capability.write(chunk=chunk), len(chunk))

    def drop(self) -> None:
        self._capability = None
        self._gathered = bytearray()


class AsyncWriter:
    """An object being written. Leaving its `async with` makes it an object (`result`); an exception there gives it up.

    Nothing is kept in the node, and nothing is listed, before it is finished.
    """

    def __init__(self, connection: Connection, opening: Any, chunk_bytes: int, total: int, progress: Progress | None) -> None:
        self.result: PutResult | None = None
        self._connection = connection
        self._opening = opening
        self._upload: Any = opening.upload
        self._outflow = Outflow(total if total >= 0 else None, progress)
        self._chunks = Chunks(self._upload, chunk_bytes, self._outflow)

    @property
    def acknowledged(self) -> int:
        """Bytes that the node took."""
        return self._outflow.acknowledged

    def _check(self) -> None:
        if self._upload is None:
            raise ValueError("this object is finished or was given up: nothing more can be written to it")
        self._connection.check()

    async def write(self, data: Any) -> int:
        """Takes anything with a buffer. Waits while several chunks are unanswered; throws what an earlier one met."""
        self._check()
        try:
            return await self._chunks.write(data)
        except BaseException:
            self.abort()
            raise

    async def finish(self) -> PutResult:
        """Makes it an object, and waits for as many holders as was asked for."""
        if self.result is not None:
            return self.result
        self._check()
        try:
            await self._chunks.flush()
            await self._outflow.settle()
            self.result = read(PutResult, await answer(self._upload.finish()))
            return self.result
        finally:
            self.abort()

    def abort(self) -> None:
        """Gives it up, unless it is finished. Safe to repeat."""
        self._outflow.drop()
        self._chunks.drop()
        self._upload = None
        self._opening = None

    async def __aenter__(self) -> AsyncWriter:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            await self.finish()
        else:
            self.abort()


def put_options(
    name: str, media_type: str, acknowledge: str, expected_bytes: int, dictionary: str, request_id: str
) -> dict[str, Any]:
    if acknowledge not in ("default", "memory", "some", "all"):
        raise error_of("USAGE", f"acknowledge is default, memory, some or all, not {acknowledge!r}")
    return {
        "objectName": name, "mediaType": media_type, "acknowledge": acknowledge, "expectedBytes": expected_bytes,
        "dictionary": dictionary, "requestId": request_id,
    }  # fmt: skip
