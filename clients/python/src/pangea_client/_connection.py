"""One connection to a node: TCP or TLS, the bootstrap capability, and what happens when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import warnings
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import capnp

from ._loop import enter_loop, leave_loop
from ._schema import schema
from .errors import PangeaError, error_from_kj, error_of

# 256 MiB: a whole block of 64 MiB and its twelve shards fit, with what pycapnp counts twice.
traversal_words = 32 * 1024 * 1024
nesting = 64


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS 1.3 to the node. PEM files."""

    ca: str | os.PathLike[str] | None = None
    """Authority that signed the node's certificate; `None` for those the system trusts."""
    certificate: str | os.PathLike[str] | None = None
    """Of this client, where the node asks for one; may hold the key too."""
    key: str | os.PathLike[str] | None = None
    server_name: str | None = None
    """Name in the node's certificate, where it differs from the host."""

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


TlsOption = bool | str | os.PathLike[str] | Tls | ssl.SSLContext


def _ssl_options(tls: TlsOption, host: str) -> dict[str, Any]:
    if tls is False:
        return {}
    if isinstance(tls, ssl.SSLContext):
        return {"ssl": tls, "server_hostname": host}
    if tls is True:
        tls = Tls()
    elif not isinstance(tls, Tls):
        tls = Tls(ca=tls)
    try:
        return {"ssl": tls.context(), "server_hostname": tls.server_name or host}
    except OSError as error:
        raise error_of("CONFIG_INVALID", f"TLS files cannot be used: {error}") from error


async def answer(promise: Awaitable[Any]) -> Any:
    """Waits for a call. Cancelled here, it is cancelled in the node."""
    # pycapnp's objects must die on this thread, but the cycle collector runs on any: so no error may be part of a cycle with
    # the frames that hold them. It is raised outside of the handler, and no frame keeps it.
    try:
        return await promise
    except capnp.KjException as error:
        failure = error_from_kj(error)
    try:
        raise failure
    finally:
        del failure


class Connection:
    def __init__(self, address: str, stream: Any) -> None:
        self.address = address
        self.is_open = True
        self._client = capnp.TwoPartyClient(stream, traversal_limit_in_words=traversal_words, nesting_limit=nesting)
        self._stream = stream
        self.bootstrap: Any = self._client.bootstrap().cast_as(schema.PangeaNode)
        self._on_lost: set[Callable[[PangeaError], None]] = set()
        self._watch = asyncio.ensure_future(self._client.on_disconnect())
        this = weakref.ref(self)
        self._watch.add_done_callback(lambda _: lost._lost() if (lost := this()) is not None else None)

    @classmethod
    async def open(cls, host: str, port: int, tls: TlsOption, timeout: float | None) -> Connection:
        """Throws `Unreachable` when nobody answers there, `TimedOut` after `timeout` seconds."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        options = _ssl_options(tls, host)
        await enter_loop()
        failure: PangeaError
        try:
            async with asyncio.timeout(timeout):
                stream = await capnp.AsyncIoStream.create_connection(host, port, **options)
            return cls(address, stream)
        except TimeoutError:
            failure = error_of("TIMEOUT", f"no answer from {address} within {timeout:g} s")
        except ssl.SSLError as error:
            advice = "does the node have rpc-tls-cert, and is the authority right?"
            failure = error_of("PEER_UNREACHABLE", f"no TLS with {address}: {error.reason or error}; {advice}")
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error
            failure = error_of("PEER_UNREACHABLE", f"no node answers at {address} ({why}): is it running, with this rpc-addr?")
        except BaseException:
            await leave_loop()
            raise
        await leave_loop()
        try:
            raise failure
        finally:
            del failure

    def on_lost(self, listener: Callable[[PangeaError], None]) -> Callable[[], None]:
        """Calls it once, when the connection ends for whatever reason. Returns what takes it back."""
        if not self.is_open:
            listener(self._reason())
            return lambda: None
        self._on_lost.add(listener)
        return lambda: self._on_lost.discard(listener)

    def check(self) -> None:
        if not self.is_open:
            raise self._reason()

    def _reason(self) -> PangeaError:
        return error_of("PEER_UNREACHABLE", f"the connection to {self.address} has ended: connect again")

    def _lost(self) -> None:
        if not self.is_open:
            return
        self.is_open = False
        listeners, self._on_lost = self._on_lost, set()
        for listener in listeners:
            listener(self._reason())

    def __del__(self) -> None:
        if getattr(self, "_client", None) is not None:
            warnings.warn(f"the client of {self.address} was never closed", ResourceWarning, stacklevel=1)

    async def close(self) -> None:
        if self._client is None:
            return
        client, self._client = self._client, None
        self._lost()
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self._watch
        self.bootstrap = None
        client.close()
        self._stream.close()
        self._stream = None
        await leave_loop()
