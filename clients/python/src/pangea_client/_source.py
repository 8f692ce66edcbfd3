"""What `put` takes (bytes, a path, a file, chunks) as one kind of thing: an asynchronous flow of pieces with a name and a size."""

from __future__ import annotations

import asyncio
import io
import os
import stat
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, runtime_checkable

from .errors import error_of

Buffer = bytes | bytearray | memoryview


@runtime_checkable
class Readable(Protocol):
    def read(self, size: int, /) -> bytes | None: ...


Content = Buffer | str | os.PathLike[str] | Readable | Iterable[Buffer] | AsyncIterable[Buffer]


def as_bytes(data: Any) -> memoryview:
    """A flat view of anything with a buffer, numpy arrays too, without a copy. Throws `TypeError`."""
    view = memoryview(data)
    if not view.c_contiguous:
        raise TypeError("not contiguous in memory: pass a copy, e.g. numpy.ascontiguousarray(array)")
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def whole_of(content: Any) -> memoryview | None:
    """The bytes of what has a buffer; `None` for what may be an iterable. Throws `TypeError` for what is neither."""
    try:
        memoryview(content)
    except TypeError:
        if isinstance(content, (Iterable, AsyncIterable)):
            return None
        raise TypeError(f"content is bytes, a path, a file, or an iterable of bytes, not {type(content).__name__}") from None
    return as_bytes(content)


def open_file(path: str | os.PathLike[str]) -> tuple[BinaryIO, int]:
    try:
        file = open(path, "rb")  # noqa: SIM115 (handed on)
        status = os.fstat(file.fileno())
    except IsADirectoryError:
        raise error_of("USAGE", f"{os.fspath(path)} is a directory: use put_tree") from None
    except FileNotFoundError:
        raise error_of("FILE_IO", f"{os.fspath(path)} does not exist (text is taken for a path: encode it if it is content)") from None
    except OSError as error:
        raise error_of("FILE_IO", f"{os.fspath(path)} cannot be read: {error.strerror or error}") from error
    return file, status.st_size if stat.S_ISREG(status.st_mode) else -1


def size_left(file: Any) -> int:
    """Bytes from here to the end, or -1 when the file does not say."""
    try:
        if isinstance(file, io.TextIOBase):
            raise error_of("USAGE", "the file is open for text: open it with mode 'rb'")
        if not file.seekable():
            return -1
        here = file.tell()
        end = file.seek(0, os.SEEK_END)
        file.seek(here)
        return int(end) - int(here)
    except (AttributeError, OSError):
        return -1


def name_of(file: Any) -> str:
    name = getattr(file, "name", "")
    return os.path.basename(name) if isinstance(name, str) else ""


@dataclass(frozen=True, slots=True)
class Source:
    pieces: AsyncIterator[memoryview]
    size: int
    """-1: unknown."""
    name: str


def source_of(content: Content, piece_bytes: int) -> Source:
    if isinstance(content, (str, os.PathLike)):
        file, size = open_file(content)
        return Source(_pieces_of_file(file, piece_bytes, close=True), size, os.path.basename(os.fspath(content)))
    if isinstance(content, Readable):
        return Source(_pieces_of_file(content, piece_bytes, close=False), size_left(content), name_of(content))
    whole = whole_of(content)
    if whole is not None:
        return Source(_pieces_of_iterable((whole,)), len(whole), "")
    pieces = _pieces_of_async(content) if isinstance(content, AsyncIterable) else _pieces_of_iterable(content)
    return Source(pieces, -1, "")


async def _pieces_of_file(file: Readable, piece_bytes: int, *, close: bool) -> AsyncIterator[memoryview]:
    try:
        while piece := await asyncio.to_thread(file.read, piece_bytes):
            yield memoryview(piece)
    finally:
        if close:
            file.close()  # type: ignore[attr-defined]


async def _pieces_of_async(chunks: AsyncIterable[Any]) -> AsyncIterator[memoryview]:
    async for chunk in chunks:
        yield as_bytes(chunk)


async def _pieces_of_iterable(chunks: Iterable[Any]) -> AsyncIterator[memoryview]:
    for chunk in chunks:
        yield as_bytes(chunk)
