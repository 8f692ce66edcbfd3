"""Directories as objects: walking one into the node, and laying one out again without ever leaving its own directory."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import secrets
import shutil
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ._connection import Connection, answer
from ._download import buffer_bytes
from ._flow import Inflow, Outflow, Progress
from ._schema import schema
from ._upload import Chunks
from ._wire import read
from .errors import PangeaError, error_of
from .records import PutResult, TreeEntry, TreeResult

entry_weight = 512
max_path_bytes = 4096


def _unsafe(path: str, why: str) -> PangeaError:
    return error_of("UNSAFE_PATH", f"{path!r} {why}")


def check_path(path: str) -> tuple[str, ...]:
    """The names of a relative path that stays where it is. Throws `UNSAFE_PATH`."""
    names = tuple(path.split("/"))
    if not path or len(path.encode(errors="surrogateescape")) > max_path_bytes:
        raise _unsafe(path[:80], "is empty or too long")
    for name in names:
        if name in ("", ".", "..") or "\0" in name:
            raise _unsafe(path, "is not a plain relative path")
        if os.name == "nt" and (set(name) & set('\\:*?"<>|') or name.endswith((".", " "))):
            raise _unsafe(path, "is not a name on this system")
    return names


def check_target(path: str, target: str) -> None:
    """A symlink's target must be relative and stay inside of the tree. Throws `UNSAFE_PATH`."""
    if not target or target.startswith("/") or "\0" in target or (os.name == "nt" and ("\\" in target or ":" in target)):
        raise _unsafe(path, f"links to {target!r}, which is not inside of the tree")
    # Steps up may only come first: after a name they would start from wherever a link of that name leads.
    steps = [step for step in target.split("/") if step not in ("", ".")]
    ups = next((index for index, step in enumerate(steps) if step != ".."), len(steps))
    if ".." in steps[ups:] or ups > path.count("/"):
        raise _unsafe(path, f"links to {target!r}, which is not inside of the tree")


def _text(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise _unsafe(path, "is not UTF-8") from None
    return path


def walk(root: Path) -> Iterator[TreeEntry]:
    """Everything below, parents first, by name. What is neither file, directory nor symlink is refused by name."""
    if not root.is_dir():
        raise error_of("FILE_IO", f"{root} is not a directory")

    def below(directory: Path, prefix: str) -> Iterator[TreeEntry]:
        with os.scandir(directory) as scan:
            found = sorted(scan, key=lambda each: each.name)
        for each in found:
            path = _text(prefix + each.name)
            status = each.stat(follow_symlinks=False)
            modified = status.st_mtime_ns // 1_000_000
            mode = stat.S_IMODE(status.st_mode)
            if each.is_symlink():
                target = _text(os.readlink(each.path).replace(os.sep, "/"))
                check_target(path, target)
                yield TreeEntry(path, "symlink", mode, modified, 0, target)
            elif each.is_dir():
                yield TreeEntry(path, "directory", mode, modified)
                yield from below(Path(each.path), path + "/")
            elif stat.S_ISREG(status.st_mode):
                yield TreeEntry(path, "file", mode, modified, status.st_size)
            else:
                raise error_of("FILE_IO", f"{each.path} is neither a file, a directory nor a symlink")

    return below(root, "")


async def put_tree(
    connection: Connection, session: Any, root: Path, options: dict[str, Any], chunk_bytes: int, progress: Progress | None
) -> PutResult:
    entries = await asyncio.to_thread(lambda: list(walk(root)))
    opening = session.putTree(**options)
    upload = opening.upload
    outflow = Outflow(sum(entry.size for entry in entries), progress)
    try:
        for entry in entries:
            connection.check()
            await outflow.send(functools.partial(upload.entry, **_wire(entry)), entry_weight, counts=False)
            if entry.type == "file":
                sent = await _send_file(root / entry.path, Chunks(upload, chunk_bytes, outflow), chunk_bytes)
                if sent != entry.size:
                    raise error_of("FILE_CHANGED", f"{root / entry.path} had {entry.size} bytes, {sent} were read: put it again")
        await outflow.settle()
        return read(PutResult, await answer(upload.finish()))
    finally:
        # Nothing is left that refers to the upload: unless it is finished, the node gives it up.
        outflow.drop()


def _wire(entry: TreeEntry) -> dict[str, Any]:
    return {
        "path": entry.path, "type": entry.type, "mode": entry.mode, "modifiedMs": entry.modified_ms, "bytes": entry.size,
        "target": entry.target,
    }  # fmt: skip


async def _send_file(path: Path, chunks: Chunks, chunk_bytes: int) -> int:
    total = 0
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except OSError as error:
        raise error_of("FILE_IO", f"{path} cannot be read: {error.strerror or error}") from error
    with file:
        while piece := await asyncio.to_thread(file.read, chunk_bytes):
            await chunks.write(piece)
            total += len(piece)
    await chunks.flush()
    return total


class _TreeSink(schema.TreeSink.Server):  # type: ignore[misc]
    def __init__(self, inflow: Inflow[TreeEntry | bytes]) -> None:
        self._inflow = inflow

    async def entry_context(self, context: Any) -> None:
        await self._inflow.put(read(TreeEntry, context.params))

    async def write_context(self, context: Any) -> None:
        await self._inflow.put(context.params.chunk)

    async def done_context(self, context: Any) -> None:
        pass


def _reason(error: BaseException | None) -> PangeaError | None:
    return error if error is None or isinstance(error, PangeaError) else error_of("INTERNAL", str(error))


async def tree_items(session: Any, reference: str) -> AsyncIterator[TreeEntry | bytes | TreeResult]:
    """Entries, each followed by its content in chunks; the result last."""
    inflow: Inflow[TreeEntry | bytes] = Inflow(buffer_bytes, lambda item: len(item) if isinstance(item, bytes) else entry_weight)
    call = asyncio.ensure_future(answer(session.getTree(reference=reference, sink=_TreeSink(inflow))))
    call.add_done_callback(lambda done: inflow.end(None if done.cancelled() else _reason(done.exception())))
    try:
        while (item := await inflow.take()) is not None:
            yield item
        yield read(TreeResult, await call)
    finally:
        inflow.discard()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)


async def get_tree(session: Any, reference: str, into: Path, progress: Progress | None) -> TreeResult:
    """Laid out beside its destination and moved there when whole; an existing directory must be empty."""
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise error_of("FILE_EXISTS", f"{into} exists and is not an empty directory")
    into.parent.mkdir(parents=True, exist_ok=True)
    partial = into.parent / f".{into.name}.{secrets.token_hex(6)}.part"
    partial.mkdir()
    layout = Layout(partial)
    done = 0
    try:
        async for item in tree_items(session, reference):
            if isinstance(item, TreeEntry):
                await asyncio.to_thread(layout.begin, item)
            elif isinstance(item, bytes):
                await asyncio.to_thread(layout.write, item)
                done += len(item)
                if progress is not None:
                    progress(done, None)
            else:
                result = item
        await asyncio.to_thread(layout.finish)
        await asyncio.to_thread(os.replace, partial, into)
        return result
    except OSError as error:
        layout.close()
        shutil.rmtree(partial, ignore_errors=True)
        raise error_of("FILE_IO", f"{into} cannot be written: {error.strerror or error}") from error
    except BaseException:
        layout.close()
        shutil.rmtree(partial, ignore_errors=True)
        raise


class Layout:
    """Entries become files below a new directory. Symlinks come last, so that nothing is ever written through one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._file: BinaryIO | None = None
        self._entry: TreeEntry | None = None
        self._left = 0
        self._links: list[TreeEntry] = []
        self._directories: list[TreeEntry] = []
        self._seen: set[str] = set()

    def begin(self, entry: TreeEntry) -> None:
        self._end_file()
        names = check_path(entry.path)
        if entry.path in self._seen:
            raise _unsafe(entry.path, "comes twice")
        self._seen.add(entry.path)
        target = self._root.joinpath(*names)
        if entry.type == "symlink":
            check_target(entry.path, entry.target)
            self._links.append(entry)
        elif entry.type == "directory":
            target.mkdir(parents=True, exist_ok=True)
            self._directories.append(entry)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._file = target.open("xb")
            self._entry = entry
            self._left = entry.size

    def write(self, chunk: bytes) -> None:
        self._left -= len(chunk)
        if self._file is None or self._left < 0:
            raise error_of("PROTOCOL", "the node sends more bytes than the tree's entries have")
        self._file.write(chunk)

    def _end_file(self) -> None:
        if self._file is None or self._entry is None:
            return
        if self._left > 0:
            raise error_of("PROTOCOL", f"the node left out {self._left} bytes of {self._entry.path!r}")
        self.close()
        self._restore(self._entry)
        self._entry = None

    def finish(self) -> None:
        self._end_file()
        for link in self._links:
            path = self._root / link.path
            if any(self._root.joinpath(*check_path(link.path)[:depth]).is_symlink() for depth in range(1, link.path.count("/") + 1)):
                raise _unsafe(link.path, "lies below a symlink")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(link.target)
        for directory in reversed(self._directories):
            self._restore(directory)

    def _restore(self, entry: TreeEntry) -> None:
        path = self._root / entry.path
        # Never set-uid, and a directory stays one that its owner can use.
        path.chmod((entry.mode & 0o777) | (0o700 if entry.type == "directory" else 0o600))
        os.utime(path, ns=(entry.modified_ms * 1_000_000,) * 2)

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
