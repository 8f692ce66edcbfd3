"""The blocking client: the asyncio one on a thread of its own. Safe to use from many threads, and where a loop runs already.

What the caller passes (files, iterables, `progress`) is used on the caller's thread. What each call does stands at the
method of the same name in `aio.py`.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, overload

from ._blocking_graph import Graph
from ._blocking_neighbour import Neighbour
from ._blocking_stream import Stream, take
from ._connection import TlsOption
from ._download import AsyncDownload
from ._events import AsyncSubscription
from ._flow import Progress
from ._portal import Handle, Portal
from ._source import Buffer, Readable, name_of, open_file, size_left, whole_of
from .aio import AsyncClient, AsyncRevoker, AsyncSession
from .errors import Denied, PangeaError, error_of
from .files import ObjectReader, ObjectWriter, read_buffer_bytes
from .records import (
    About,
    Acknowledge,
    Event,
    FirewallState,
    GetResult,
    ObjectInfo,
    ObjectRecord,
    Peer,
    Plan,
    PutResult,
    RemoveResult,
    RepairAction,
    RepairState,
    Status,
    TreeResult,
)  # fmt: skip

Content = Buffer | str | os.PathLike[str] | Readable | Iterable[Buffer]


class Session:
    """A capability with rights: `Client` is one with all that its token gives, `narrow` makes lesser ones."""

    def __init__(self, session: Handle[Any]) -> None:
        self._session: Handle[AsyncSession] = session
        self._chunk_bytes, self.rights = session.look(lambda each: (each._chunk_bytes, each.rights))

    def release(self) -> None:
        """Gives the session back. What was made from it ends when nobody holds it any more."""
        self._session.release()

    # Objects

    def put(
        self, content: Content, name: str | None = None, *, media_type: str = "", acknowledge: Acknowledge = "default",
        expected_bytes: int = -1, dictionary: str = "", request_id: str = "", progress: Progress | None = None,
    ) -> PutResult:  # fmt: skip
        """Stores bytes, a file (its path, or open for reading), or chunks of any iterable, of any size. Text is a path."""
        with contextlib.ExitStack() as stack:
            own_name, size, pieces = self._pieces(content, stack)
            expected = size if expected_bytes < 0 else expected_bytes
            writer = self.create(
                own_name if name is None else name, media_type=media_type, acknowledge=acknowledge, expected_bytes=expected,
                dictionary=dictionary, request_id=request_id, progress=progress,
            )  # fmt: skip
            with writer:
                for piece in pieces:
                    writer.write(piece)
        assert writer.result is not None
        return writer.result

    def _pieces(self, content: Any, stack: contextlib.ExitStack) -> tuple[str, int, Iterable[Any]]:
        if isinstance(content, (str, os.PathLike)):
            file, size = open_file(content)
            return os.path.basename(os.fspath(content)), size, _read_all(stack.enter_context(file), self._chunk_bytes)
        if isinstance(content, Readable):
            return name_of(content), size_left(content), _read_all(content, self._chunk_bytes)
        whole = whole_of(content)
        if whole is None:
            return "", -1, content
        return "", len(whole), (whole[at : at + 4 * self._chunk_bytes] for at in range(0, len(whole), 4 * self._chunk_bytes))

    def create(
        self, name: str = "", *, media_type: str = "", acknowledge: Acknowledge = "default", expected_bytes: int = -1,
        dictionary: str = "", request_id: str = "", progress: Progress | None = None,
    ) -> ObjectWriter:  # fmt: skip
        """A file to write to: `with client.create("log") as file: file.write(…)`; then `file.result`."""
        writer = self._session.open(
            AsyncSession.create, name, media_type=media_type, acknowledge=acknowledge, expected_bytes=expected_bytes,
            dictionary=dictionary, request_id=request_id,
        )  # fmt: skip
        return ObjectWriter(writer, name, self._chunk_bytes, expected_bytes if expected_bytes >= 0 else None, progress)

    def stream(self, reference: str, *, offset: int = 0, length: int | None = None, path: str = "") -> Download:
        """The bytes as chunks, as they come."""
        return Download(self._session.open(AsyncSession.stream, reference, offset=offset, length=length, path=path))

    @overload
    def get(
        self, reference: str, *, offset: int = 0, length: int | None = None, path: str = "", into: None = None,
        progress: Progress | None = None,
    ) -> bytes: ...  # fmt: skip
    @overload
    def get(
        self, reference: str, *, into: str | os.PathLike[str] | BinaryIO, offset: int = 0, length: int | None = None, path: str = "",
        progress: Progress | None = None,
    ) -> GetResult: ...  # fmt: skip
    def get(
        self, reference: str, *, offset: int = 0, length: int | None = None, path: str = "",
        into: str | os.PathLike[str] | BinaryIO | None = None, progress: Progress | None = None,
    ) -> bytes | GetResult:  # fmt: skip
        """The whole, or `length` bytes from `offset`, as bytes; or written into a path or an open file."""
        total = length
        if progress is not None and not path and length is None:
            with contextlib.suppress(Denied):
                total = max(0, self.info(reference).object.size - offset)
        with self.stream(reference, offset=offset, length=length, path=path) as download:
            chunks = _counted(download, progress, total)
            if into is None:
                return b"".join(chunks)
            if isinstance(into, (str, os.PathLike)):
                _into_path(chunks, Path(into))
            else:
                for chunk in chunks:
                    into.write(chunk)
            assert download.result is not None
            return download.result

    def open(self, reference: str, *, path: str = "") -> io.BufferedReader:
        """A read-only, seekable file, e.g. for `pandas.read_parquet` or `zipfile.ZipFile`. Throws `NotFound`."""
        reader = self._session.open(AsyncSession.open, reference, path=path)
        return io.BufferedReader(ObjectReader(reader), read_buffer_bytes)

    def put_tree(
        self, directory: str | os.PathLike[str], name: str | None = None, *, acknowledge: Acknowledge = "default", dictionary: str = "",
        request_id: str = "", progress: Progress | None = None,
    ) -> PutResult:  # fmt: skip
        """Stores a directory as one object under one link. `progress` is called on the client's thread."""
        return self._session.wait(
            AsyncSession.put_tree, directory, name, acknowledge=acknowledge, dictionary=dictionary, request_id=request_id, progress=progress
        )

    def get_tree(self, reference: str, into: str | os.PathLike[str], *, progress: Progress | None = None) -> TreeResult:
        """Lays a directory object out as `into`, which must not exist or be empty. `progress` is called on the client's thread."""
        return self._session.wait(AsyncSession.get_tree, reference, into, progress=progress)

    def info(self, reference: str) -> ObjectInfo:
        return self._session.call(AsyncSession.info, reference)

    def list(self, pattern: str = "", *, page: int = 256) -> Iterator[ObjectRecord]:
        after = ""
        while True:
            records, after = self._session.call(AsyncSession.list_page, pattern, after, page)
            yield from records
            if not after:
                return

    def search(self, pattern: str) -> Iterator[ObjectRecord]:
        return self.list(pattern)

    def remove(self, reference: str) -> RemoveResult:
        return self._session.call(AsyncSession.remove, reference)

    # The node

    def subscribe(self, *kinds: str, callback: Callable[[Event], None] | None = None) -> Subscription:
        """Events as an iterator; or each is given to `callback`, on a thread of the subscription's, until it is closed."""
        return Subscription(self._session.open(AsyncSession.subscribe, *kinds), callback)

    def status(self) -> Status:
        return self._session.call(AsyncSession.status)

    def peers(self) -> tuple[Peer, ...]:
        return self._session.call(AsyncSession.peers)

    def plan(self) -> Plan:
        return self._session.call(AsyncSession.plan)

    def metrics(self) -> str:
        return self._session.call(AsyncSession.metrics)

    def firewall(self) -> FirewallState:
        return self._session.call(AsyncSession.firewall)

    def set_firewall(self, allow: Sequence[str]) -> FirewallState:
        return self._session.call(AsyncSession.set_firewall, allow)

    def repair(self) -> RepairState:
        return self._session.call(AsyncSession.repair)

    def control_repair(self, action: RepairAction) -> RepairState:
        return self._session.wait(AsyncSession.control_repair, action)

    def connect_peer(self, address: str) -> str:
        return self._session.call(AsyncSession.connect_peer, address)

    def revoke_peer(self, peer_id: str) -> None:
        self._session.call(AsyncSession.revoke_peer, peer_id)

    def invite(self, uses: int = 1, expires_in: timedelta = timedelta(days=1)) -> str:
        return self._session.call(AsyncSession.invite, uses, expires_in)

    def graph(self) -> Graph:
        """The realtime graph of the node, which gun.js programs share."""
        return Graph(self._session.open(AsyncSession.graph))

    def narrow(
        self, *, read: bool = False, write: bool = False, remove: bool = False, observe: bool = False, control: bool = False,
        only_objects: Sequence[str] = (), expires_in: timedelta | None = None,
    ) -> Narrowed:  # fmt: skip
        """A session with fewer rights, to hand on, and what revokes it."""
        narrowed = self._session.open(
            AsyncSession.narrow, read=read, write=write, remove=remove, observe=observe, control=control, only_objects=only_objects,
            expires_in=expires_in,
        )  # fmt: skip
        return Narrowed(Session(narrowed.open(lambda each: each.session)), Revoker(narrowed.open(lambda each: each.revoker)))


class Revoker:
    def __init__(self, revoker: Handle[AsyncRevoker]) -> None:
        self._revoker = revoker

    def revoke(self) -> None:
        """Ends the narrowed session and all that was made from it: `DENIED` from then on. Safe to repeat."""
        self._revoker.call(AsyncRevoker.revoke)


class Narrowed(NamedTuple):
    session: Session
    revoker: Revoker


class Download:
    """`for chunk in download`. Left early (`close`, the end of `with`), the node stops reading. `result` is set at the end."""

    def __init__(self, download: Handle[AsyncDownload]) -> None:
        self.result: GetResult | None = None
        self.received = 0
        self._download = download

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._download.wait(take)
        if chunk is None:
            self.result = self._download.look(lambda each: each.result)
            raise StopIteration
        self.received += len(chunk)
        return chunk

    def close(self) -> None:
        with contextlib.suppress(PangeaError):
            self._download.wait(AsyncDownload.aclose)

    def __enter__(self) -> Download:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Subscription(Stream[Event]):
    """`for event in subscription`. Ends with `close` or `with`; throws `Unreachable` when the connection is lost."""

    def __init__(self, subscription: Handle[AsyncSubscription], callback: Callable[[Event], None] | None) -> None:
        super().__init__(subscription)
        self._thread: threading.Thread | None = None
        if callback is not None:
            self._thread = threading.Thread(target=_deliver, args=(subscription, callback), name="pangea-events", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Safe to repeat, from any thread. Who waits for the next event gets the end."""
        super().close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()


def _deliver(subscription: Handle[AsyncSubscription], callback: Callable[[Event], None]) -> None:
    with contextlib.suppress(PangeaError):  # the connection or the client was closed: there is nobody here to tell
        while (event := subscription.wait(take)) is not None:
            callback(event)


class Client(Session, Neighbour):
    """A node, over one connection. `with Client.connect() as client: …`"""

    def __init__(self, portal: Portal, client: Handle[AsyncClient]) -> None:
        super().__init__(client)
        self._client = client
        self._portal = portal
        self.about: About | None = client.look(lambda each: each.about)
        # Also at the end of the program, and when the client is forgotten.
        self._end = weakref.finalize(self, portal.close)

    @classmethod
    def connect(
        cls, host: str = "127.0.0.1", port: int = 8080, *, token: str | None = None, data_dir: str | os.PathLike[str] | None = None,
        tls: TlsOption = False, timeout: float | None = 10.0, call_timeout: float | None = None,
    ) -> Client:  # fmt: skip
        """As `AsyncClient.connect`. `call_timeout`: seconds that one call may take (`TimedOut`); transfers have no limit."""
        portal = Portal()
        try:
            client = Handle[AsyncClient].make(
                portal, None, lambda: AsyncClient.connect(host, port, token=token, data_dir=data_dir, tls=tls, timeout=timeout)
            )
            client.timeout = call_timeout
            return cls(portal, client)
        except BaseException:
            portal.close()
            raise

    @property
    def is_open(self) -> bool:
        try:
            return self._client.look(lambda each: each.is_open)
        except PangeaError:
            return False

    def close(self) -> None:
        """Ends the connection, and with it every upload, download and subscription. Safe to repeat, from any thread."""
        self._end()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _read_all(file: Any, piece_bytes: int) -> Iterator[bytes]:
    while piece := file.read(piece_bytes):
        yield piece


def _counted(download: Download, progress: Progress | None, total: int | None) -> Iterator[bytes]:
    for chunk in download:
        if progress is not None:
            progress(download.received, total)
        yield chunk


def _into_path(chunks: Iterable[bytes], path: Path) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        with partial.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise error_of("FILE_IO", f"{path} cannot be written: {error.strerror or error}") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
