"""The asyncio client. Everything of one client happens on the loop, and so on the thread, that connected it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, overload

from ._connection import Connection, TlsOption, answer
from ._download import AsyncDownload, AsyncReader
from ._events import AsyncSubscription, event_kinds
from ._flow import Progress
from ._graph import AsyncGraph
from ._neighbour import AsyncNeighbour
from ._source import Content, source_of
from ._token import Token, find_token
from ._tree import get_tree, put_tree
from ._upload import AsyncWriter, put_options
from ._wire import read
from .errors import Denied, NotSupported, PangeaError, error_of
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
    Rights,
    Status,
    TreeResult,
)  # fmt: skip

# What is safe with every node: `About.chunk_bytes` says what this one likes best.
default_chunk_bytes = 1024 * 1024


class AsyncSession:
    """A capability with rights: `AsyncClient` is one with all that its token gives, `narrow` makes lesser ones."""

    def __init__(self, connection: Connection, capability: Any, rights: Rights, chunk_bytes: int) -> None:
        self._connection = connection
        self._held: Any = capability
        self._chunk_bytes = chunk_bytes
        self.rights = rights

    @property
    def capability(self) -> Any:
        """The `Session` of the schema, to hand on in a Cap'n Proto call of one's own."""
        self._connection.check()
        if self._held is None:
            raise error_of("ABORTED", "this session was released")
        return self._held

    def release(self) -> None:
        """Gives the session back. What was made from it ends when nobody holds it any more."""
        self._held = None

    # Objects

    async def put(
        self, content: Content, name: str | None = None, *, media_type: str = "", acknowledge: Acknowledge = "default",
        expected_bytes: int = -1, dictionary: str = "", request_id: str = "", progress: Progress | None = None,
    ) -> PutResult:  # fmt: skip
        """Stores bytes, a file (its path, or open for reading), or chunks of any (asynchronous) iterable, of any size.

        Text is a path. Without `name` a file keeps its own. `acknowledge`: shards in the holders' memory, on `some` (9 of
        12) or on `all` disks. `progress(done, total)` in bytes that the node took; `total` is `None` for iterables. With a
        `request_id` a repeated put gives the first one's result.
        """
        source = source_of(content, self._chunk_bytes)
        expected = source.size if expected_bytes < 0 else expected_bytes
        options = put_options(source.name if name is None else name, media_type, acknowledge, expected, dictionary, request_id)
        writer = self._writer(options, expected, progress)
        try:
            async for piece in source.pieces:
                await writer.write(piece)
            return await writer.finish()
        finally:
            writer.abort()
            with contextlib.suppress(AttributeError):
                await source.pieces.aclose()  # type: ignore[attr-defined]

    def create(
        self, name: str = "", *, media_type: str = "", acknowledge: Acknowledge = "default", expected_bytes: int = -1,
        dictionary: str = "", request_id: str = "", progress: Progress | None = None,
    ) -> AsyncWriter:  # fmt: skip
        """An object to write to: `async with client.create("log") as writer: await writer.write(…)`."""
        options = put_options(name, media_type, acknowledge, expected_bytes, dictionary, request_id)
        return self._writer(options, expected_bytes, progress)

    def _writer(self, options: dict[str, Any], total: int, progress: Progress | None) -> AsyncWriter:
        return AsyncWriter(self._connection, self.capability.put(**options), self._chunk_bytes, total, progress)

    def stream(self, reference: str, *, offset: int = 0, length: int | None = None, path: str = "") -> AsyncDownload:
        """The bytes as chunks, as they come. `reference`: link, root or name; `path`: one file of a directory object."""
        if offset < 0 or (length is not None and length < 0):
            raise ValueError(f"a range begins at 0 and has no negative length: {offset}, {length}")
        request = {"reference": reference, "offset": offset, "length": -1 if length is None else length, "path": path}
        return AsyncDownload(self.capability, request)

    @overload
    async def get(
        self, reference: str, *, offset: int = 0, length: int | None = None, path: str = "", into: None = None,
        progress: Progress | None = None,
    ) -> bytes: ...  # fmt: skip
    @overload
    async def get(
        self, reference: str, *, into: str | os.PathLike[str] | BinaryIO, offset: int = 0, length: int | None = None, path: str = "",
        progress: Progress | None = None,
    ) -> GetResult: ...  # fmt: skip
    async def get(
        self, reference: str, *, offset: int = 0, length: int | None = None, path: str = "",
        into: str | os.PathLike[str] | BinaryIO | None = None, progress: Progress | None = None,
    ) -> bytes | GetResult:  # fmt: skip
        """The whole, or `length` bytes from `offset`, as bytes; or written into a path or an open file.

        A path gets its name when all bytes are there, never before. Every byte was verified by the node.
        """
        total = length if progress is None else await self._total(reference, offset, length, path)
        async with self.stream(reference, offset=offset, length=length, path=path) as download:
            if into is None:
                return b"".join([chunk async for chunk in _counted(download, progress, total)])
            if isinstance(into, (str, os.PathLike)):
                await _into_path(_counted(download, progress, total), Path(into))
            else:
                async for chunk in _counted(download, progress, total):
                    await asyncio.to_thread(into.write, chunk)
            assert download.result is not None
            return download.result

    async def _total(self, reference: str, offset: int, length: int | None, path: str) -> int | None:
        if path or length is not None:
            return length
        try:
            return max(0, (await self.info(reference)).object.size - offset)
        except Denied:
            return None

    async def open(self, reference: str, *, path: str = "") -> AsyncReader:
        """A file to read from, `seek` included. Throws `NotFound`."""
        if path:
            return AsyncReader(self.capability, reference, path, path.rpartition("/")[2], None)
        found = (await self.info(reference)).object
        return AsyncReader(self.capability, reference, "", found.name, found.size)

    async def put_tree(
        self, directory: str | os.PathLike[str], name: str | None = None, *, acknowledge: Acknowledge = "default", dictionary: str = "",
        request_id: str = "", progress: Progress | None = None,
    ) -> PutResult:  # fmt: skip
        """Stores a directory as one object under one link. Symlinks must stay inside of it."""
        root = Path(directory)
        options = put_options(root.resolve().name if name is None else name, "", acknowledge, -1, dictionary, request_id)
        return await put_tree(self._connection, self.capability, root, options, self._chunk_bytes, progress)

    async def get_tree(self, reference: str, into: str | os.PathLike[str], *, progress: Progress | None = None) -> TreeResult:
        """Lays a directory object out as `into`, which must not exist or be empty. No entry can leave it (`UNSAFE_PATH`)."""
        return await get_tree(self.capability, reference, Path(into), progress)

    async def info(self, reference: str) -> ObjectInfo:
        """What it is, where its shards lie, how many failures it survives. Throws `NotFound`."""
        return read(ObjectInfo, await answer(self.capability.info(reference=reference)))

    async def list(self, pattern: str = "", *, page: int = 256) -> AsyncIterator[ObjectRecord]:
        """Objects of this node's catalogue. `pattern`: part of the name; `*` and `?` match."""
        after = ""
        while True:
            records, after = await self.list_page(pattern, after, page)
            for each in records:
                yield each
            if not after:
                return

    async def list_page(self, pattern: str = "", after: str = "", limit: int = 256) -> tuple[tuple[ObjectRecord, ...], str]:
        """One page of `list`, and where the next begins; empty after the last. At most 1,024."""
        response = await answer(self.capability.list(pattern=pattern, after=after, limit=limit))
        return tuple([read(ObjectRecord, each) for each in response.objects]), str(response.next)

    def search(self, pattern: str) -> AsyncIterator[ObjectRecord]:
        return self.list(pattern)

    async def remove(self, reference: str) -> RemoveResult:
        """Deletes it from every holder that can be reached, and says how many that were."""
        return read(RemoveResult, await answer(self.capability.remove(reference=reference)))

    # The node

    async def subscribe(self, *kinds: str, callback: Callable[[Event], Awaitable[None] | None] | None = None) -> AsyncSubscription:
        """Events of some kinds (peers, objects, repair, firewall, messages; all when none is named).

        An asynchronous iterator; or each is given to `callback`, one at a time, until the subscription is closed.
        """
        subscription = await AsyncSubscription.open(self._connection, self.capability, kinds or event_kinds)
        if callback is not None:
            subscription.deliver(callback)
        return subscription

    async def status(self) -> Status:
        return read(Status, await answer(self.capability.status()))

    async def peers(self) -> tuple[Peer, ...]:
        return tuple([read(Peer, each) for each in (await answer(self.capability.peers())).peers])

    async def plan(self) -> Plan:
        """Which implementation of each stage runs, and why."""
        return read(Plan, await answer(self.capability.plan()))

    async def metrics(self) -> str:
        """Prometheus text format 0.0.4."""
        return str((await answer(self.capability.metrics())).text)

    async def firewall(self) -> FirewallState:
        return read(FirewallState, await answer(self.capability.firewall()))

    async def set_firewall(self, allow: Sequence[str]) -> FirewallState:
        """Replaces the allowlist (CIDR blocks) until the node's next start. Throws `Invalid`, and changes nothing then."""
        return read(FirewallState, await answer(self.capability.setFirewall(allow=[*allow])))

    async def repair(self) -> RepairState:
        return read(RepairState, await answer(self.capability.repair()))

    async def control_repair(self, action: RepairAction) -> RepairState:
        """`runOnce` answers after the round; `pause`, `resume`."""
        if action not in ("runOnce", "pause", "resume"):
            raise error_of("USAGE", f"repair can runOnce, pause and resume, not {action!r}")
        return read(RepairState, await answer(self.capability.controlRepair(action=action)))

    async def connect_peer(self, address: str) -> str:
        """`host:port` for QUIC, or a multiaddr. Gives the PeerId."""
        return str((await answer(self.capability.connectPeer(address=address))).peerId)

    async def revoke_peer(self, peer_id: str) -> None:
        """Puts a member out of the private network for ever."""
        await answer(self.capability.revokePeer(peerId=peer_id))

    async def invite(self, uses: int = 1, expires_in: timedelta = timedelta(days=1)) -> str:
        """A ticket with which others join the private network."""
        request = {"uses": uses, "expiresInMs": round(expires_in.total_seconds() * 1000)}
        return str((await answer(self.capability.invite(**request))).ticket)

    def graph(self) -> AsyncGraph:
        """The realtime graph of the node, which gun.js programs share. A right that is missing shows at the first call."""
        return AsyncGraph(self._connection, self.capability.graph().graph)

    async def narrow(
        self, *, read: bool = False, write: bool = False, remove: bool = False, observe: bool = False, control: bool = False,
        only_objects: Sequence[str] = (), expires_in: timedelta | None = None,
    ) -> AsyncNarrowed:  # fmt: skip
        """A session with fewer rights, to hand on, and what revokes it. Rights that this session lacks are not granted."""
        rights: dict[str, Any] = {
            "read": read, "write": write, "remove": remove, "observe": observe, "control": control, "onlyObjects": [*only_objects],
            "expiresMs": 0 if expires_in is None else round((time.time() + expires_in.total_seconds()) * 1000),
        }  # fmt: skip
        response = await answer(self.capability.narrow(rights=rights))
        granted = _read_rights(response.rights)
        session = AsyncSession(self._connection, response.session, granted, self._chunk_bytes)
        return AsyncNarrowed(session, AsyncRevoker(self._connection, response.revoker))


def _read_rights(reader: Any) -> Rights:
    return read(Rights, reader)


class AsyncRevoker:
    def __init__(self, connection: Connection, capability: Any) -> None:
        self._connection = connection
        self._capability = capability

    async def revoke(self) -> None:
        """Ends the narrowed session and all that was made from it: `DENIED` from then on. Safe to repeat."""
        self._connection.check()
        await answer(self._capability.revoke())


class AsyncNarrowed(NamedTuple):
    session: AsyncSession
    revoker: AsyncRevoker


class AsyncClient(AsyncSession, AsyncNeighbour):
    """A node, over one connection: a session with the rights of its token, and the calls that need none.

    `async with await AsyncClient.connect() as client: …`
    """

    def __init__(self, connection: Connection, about: About | None, capability: Any, rights: Rights, refusal: PangeaError | None) -> None:
        super().__init__(connection, capability, rights, about.chunk_bytes if about else default_chunk_bytes)
        self.about = about
        """`None`: a node of another make, which has the `NodeService` calls alone."""
        self._refusal = refusal

    @classmethod
    async def connect(
        cls, host: str = "127.0.0.1", port: int = 8080, *, token: str | None = None, data_dir: str | os.PathLike[str] | None = None,
        tls: TlsOption = False, timeout: float | None = 10.0,
    ) -> AsyncClient:  # fmt: skip
        """Connects and logs in, in one round trip.

        The token: `token`; else `PANGEA_RPC_TOKEN`; else the file `rpc-token` in `data_dir`, or, for a node of this
        machine, in its default data directory. Without one the calls of `NodeService` still work. `tls`: `True` (system's
        authorities), a PEM file with the authority, `Tls(…)`, or an `ssl.SSLContext`. `timeout` in seconds.
        Throws `Unreachable`, `TimedOut`, `Denied` for a wrong token.
        """
        found = find_token(host, token, data_dir)
        connection = await Connection.open(host, port, tls, timeout)
        try:
            async with asyncio.timeout(timeout):
                return await cls._log_in(connection, found)
        except TimeoutError:
            await connection.close()
        except BaseException:
            await connection.close()
            raise
        raise error_of("TIMEOUT", f"{connection.address} took the connection and gave no answer within {timeout:g} s; does it expect TLS?")

    @classmethod
    async def _log_in(cls, connection: Connection, token: Token) -> AsyncClient:
        asked = connection.bootstrap.about()
        login = connection.bootstrap.login(token=token.text)
        try:
            about = read(About, await answer(asked))
        except NotSupported as error:
            lacking = error_of("NOT_SUPPORTED", f"{connection.address} has the NodeService calls alone ({error.message})")
            return cls(connection, None, None, Rights(), lacking)
        if about.is_token_needed and not token.text:
            advice = "pass token=…, or data_dir=… of its node, or set PANGEA_RPC_TOKEN; `pangea-node token` prints it"
            return cls(connection, about, None, Rights(), error_of("DENIED", f"{connection.address} needs a token for this: {advice}"))
        try:
            response = await answer(login)
        except Denied as error:
            refusal = error_of("DENIED", f"{connection.address} does not take the token of {token.source}: {error.message}")
        else:
            return cls(connection, about, response.session, read(Rights, response.rights), None)
        try:
            raise refusal
        finally:
            del refusal

    @property
    def capability(self) -> Any:
        if self._refusal is not None:
            raise error_of(self._refusal.code, self._refusal.message)
        return super().capability

    @property
    def is_open(self) -> bool:
        return self._connection.is_open

    async def close(self) -> None:
        """Ends the connection, and with it every upload, download and subscription. Safe to repeat."""
        self._held = None
        await self._connection.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


async def _counted(download: AsyncDownload, progress: Progress | None, total: int | None) -> AsyncIterator[bytes]:
    async for chunk in download:
        if progress is not None:
            progress(download.received, total)
        yield chunk


async def _into_path(chunks: AsyncIterator[bytes], path: Path) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        with open(partial, "xb") as file:
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise error_of("FILE_IO", f"{path} cannot be written: {error.strerror or error}") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


__all__ = [
    "AsyncClient", "AsyncDownload", "AsyncNarrowed", "AsyncReader", "AsyncRevoker", "AsyncSession", "AsyncSubscription", "AsyncWriter",
]  # fmt: skip
