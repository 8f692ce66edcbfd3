"""Client of a Pangea node: private, durable objects over Cap'n Proto RPC.

`Client` blocks and may be used from many threads; `AsyncClient` is the same for asyncio. See README.md.
"""

from ._blocking_graph import Graph, Watch
from ._connection import Tls
from ._graph import AsyncGraph, AsyncWatch
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
from .graph import GraphChange, GraphNode, GraphPut, GraphStatus, Link
from .records import ConfigData, Event, ObjectInfo, ObjectRecord, Peer, PutResult, Rights, ShardLocation, Status

__all__ = [
    "Aborted", "AsyncClient", "AsyncDownload", "AsyncGraph", "AsyncNarrowed", "AsyncReader", "AsyncRevoker", "AsyncSession",
    "AsyncSubscription", "AsyncWatch", "AsyncWriter", "Busy", "Client", "ConfigData", "Corrupt", "Denied", "Download", "Event", "Graph",
    "GraphChange", "GraphNode", "GraphPut", "GraphStatus", "Invalid", "Link", "Narrowed", "NotEnough", "NotFound", "NotSupported",
    "ObjectInfo", "ObjectReader", "ObjectRecord", "ObjectWriter", "PangeaError", "Peer", "PutResult", "Revoker", "Rights", "Session",
    "ShardLocation", "Status", "StoreFailure", "Subscription", "TimedOut", "Tls", "TooLarge", "Unreachable", "Watch",
]  # fmt: skip
