"""Client of a Pangea node: private, durable objects over Cap'n Proto RPC.

`Client` blocks and may be used from many threads; `AsyncClient` is the same for asyncio. See README.md.
"""

from ._connection import Tls
from .aio import (
    AsyncClient,
    AsyncDownload,
    AsyncNarrowed,
    AsyncReader,
    AsyncRevoker,
    AsyncSession,
    AsyncSubscription,
    AsyncWriter,
)
from .blocking import Client, Download, Narrowed, Revoker, Session, Subscription
from .errors import (
    Aborted,
    Busy,
    Corrupt,
    Denied,
    Invalid,
    NotEnough,
    NotFound,
    NotSupported,
    PangeaError,
    StoreFailure,
    TimedOut,
    TooLarge,
    Unreachable,
)  # fmt: skip
from .files import ObjectReader, ObjectWriter
from .records import ConfigData, Event, ObjectInfo, ObjectRecord, Peer, PutResult, Rights, ShardLocation, Status

__all__ = [
    "Aborted", "AsyncClient", "AsyncDownload", "AsyncNarrowed", "AsyncReader", "AsyncRevoker", "AsyncSession", "AsyncSubscription",
    "AsyncWriter", "Busy", "Client", "ConfigData", "Corrupt", "Denied", "Download", "Event", "Invalid", "Narrowed", "NotEnough", "NotFound",
    "NotSupported", "ObjectInfo", "ObjectReader", "ObjectRecord", "ObjectWriter", "PangeaError", "Peer", "PutResult", "Revoker", "Rights",
    "Session", "ShardLocation", "Status", "StoreFailure", "Subscription", "TimedOut", "Tls", "TooLarge", "Unreachable",
]  # fmt: skip
