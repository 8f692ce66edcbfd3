"""Objects as Python files, for the blocking client: what pandas, pyarrow, zipfile, shutil and the like take."""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any

from ._download import AsyncReader
from ._flow import Progress
from ._portal import Handle
from ._source import as_bytes
from ._upload import AsyncWriter
from .records import PutResult

# A page of small reads; reads in order become a stream after the first, whatever this is.
read_buffer_bytes = 256 * 1024


class ObjectReader(io.RawIOBase):
    """Read-only and seekable. `Client.open` gives it with a buffer around it."""

    def __init__(self, reader: Handle[AsyncReader]) -> None:
        super().__init__()
        self._reader = reader
        self.name = reader.look(lambda each: each.name)
        """The object's: never the link, which is a secret."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._check()
        view = memoryview(buffer).cast("B")
        if len(view) == 0:
            return 0
        data = self._reader.wait(AsyncReader.read, len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        self._check()
        return self._reader.wait(AsyncReader.read)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._check()
        return self._reader.look(lambda reader: reader.seek(offset, whence))

    def tell(self) -> int:
        self._check()
        return self._reader.look(AsyncReader.tell)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._reader.release()

    def _check(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


async def _write(writer: AsyncWriter, data: Any) -> int:
    await writer.write(data)
    return writer.acknowledged


class ObjectWriter(io.RawIOBase):
    """Write-only. `close` makes it an object (`result`); an exception in its `with`, or `abort`, gives it up.

    Forgotten without either it is given up too.
    """

    def __init__(self, writer: Handle[AsyncWriter], name: str, chunk_bytes: int, total: int | None, progress: Progress | None) -> None:
        super().__init__()
        self.result: PutResult | None = None
        self.name = name
        self._writer = writer
        self._chunk_bytes = chunk_bytes
        self._gathered = bytearray()
        self._total = total
        self._progress = progress
        self._reported = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        view = as_bytes(data)
        if len(self._gathered) + len(view) < self._chunk_bytes:
            self._gathered += view
        else:
            self._send()
            self._report(self._writer.wait(_write, view))
        return len(view)

    def _send(self) -> None:
        if self._gathered:
            gathered, self._gathered = self._gathered, bytearray()
            self._report(self._writer.wait(_write, gathered))

    def _report(self, acknowledged: int) -> None:
        if self._progress is not None and acknowledged > self._reported:
            self._reported = acknowledged
            self._progress(acknowledged, self._total)

    def close(self) -> None:
        if self.closed:
            return
        try:
            self._send()
            self.result = self._writer.wait(AsyncWriter.finish)
            self._report(self.result.object.size)
        finally:
            super().close()
            self._writer.release()

    def abort(self) -> None:
        """Gives it up, unless it is finished. Safe to repeat."""
        if not self.closed:
            self._gathered = bytearray()
            super().close()
            self._writer.release()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        # io's own would call `close`, and so make an object out of half of one.
        self.abort()
