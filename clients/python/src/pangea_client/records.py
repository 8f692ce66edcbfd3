"""What a node answers, as plain immutable Python values; nothing here refers to the connection.

Attributes are the schema's fields in snake case. `record["latencyMs"]`, `dict(record)` and `record.to_dict()` give the
schema's own names too, for code written against dictionaries. Times are milliseconds since 1970 unless a name or note
says otherwise; sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from ._wire import Record, read, wire

Acknowledge = Literal["default", "memory", "some", "all"]
EntryType = Literal["file", "directory", "symlink"]
RepairAction = Literal["runOnce", "pause", "resume"]


# NodeService: what every node of the network answers ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Node(Record):
    id: int
    status: int
    """0 active, 1 purgatory, 2 dead."""
    latency_ms: float
    threat_score: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class NodeUpdate(Record):
    node_id: int
    latency_ms: float
    threat_score: float


@dataclass(frozen=True, slots=True)
class ConnectionQuality(Record):
    latency_ms: float
    jitter_ms: float
    packet_loss: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class NetworkMetrics(Record):
    avg_rtt_ms: float
    packet_loss: float
    bandwidth_mbps: float
    peer_count: int
    cpu_usage: float
    """0 to 1, of the whole machine."""
    io_capacity: float
    """0 to 1, what is left."""


@dataclass(frozen=True, slots=True)
class ShardLocation(Record):
    shard_index: int
    """stripe * 12 + row."""
    peer_id: int


@dataclass(frozen=True, slots=True)
class FileManifest(Record):
    file_hash: str
    file_name: str
    file_size: int
    shard_count: int
    parity_count: int
    shard_locations: tuple[ShardLocation, ...]
    timestamp: int
    """Seconds since 1970."""
    ttl: int
    """Seconds; 0 for no end."""


@dataclass(frozen=True, slots=True)
class DiscoveredPeer(Record):
    peer_id: str
    multiaddrs: tuple[str, ...]
    discovered_at: int
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class ConfigData(Record):
    node_id: int = 0
    capnp_addr: str = ""
    libp2p_port: int = 0
    use_libp2p: bool = False
    local_mode: bool = False
    bootstrap_peers: tuple[str, ...] = ()
    last_saved_at: str = ""
    custom_settings: Mapping[str, str] = field(default_factory=dict)


def read_config(reader: Any) -> ConfigData:
    return ConfigData(
        reader.nodeId, reader.capnpAddr, reader.libp2pPort, reader.useLibp2p, reader.localMode,
        tuple(reader.bootstrapPeers), reader.lastSavedAt, {each.key: each.value for each in reader.customSettings},
    )  # fmt: skip


# PangeaNode and Session ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class About(Record):
    version: str
    node_id: int
    peer_id: str
    is_private_network: bool
    is_token_needed: bool
    max_message_bytes: int
    chunk_bytes: int


@dataclass(frozen=True, slots=True)
class Rights(Record):
    read: bool = False
    """get, info, list, search."""
    write: bool = False
    """put."""
    remove: bool = False
    observe: bool = False
    """status, peers, plan, metrics, firewall and repair state, events."""
    control: bool = False
    """firewall, repair, peers, invitations."""
    only_objects: tuple[str, ...] = ()
    """When not empty, `read` and `remove` reach these roots alone."""
    expires_ms: int | None = wire("expiresMs", absent=0, default=None)
    """`None` for no end."""


@dataclass(frozen=True, slots=True)
class ObjectRecord(Record):
    root: str
    link: str = wire("link", repr=False)
    """A secret: who has it can read the object."""
    name: str = wire("objectName")
    kind: Literal["file", "directory"] = wire("kind")
    size: int = wire("bytes")
    media_type: str = wire("mediaType")
    created_ms: int = wire("createdMs")

    @property
    def created(self) -> datetime:
        return datetime.fromtimestamp(self.created_ms / 1000, UTC)


@dataclass(frozen=True, slots=True)
class PutResult(Record):
    object: ObjectRecord
    acknowledge: Acknowledge
    fsynced: int
    """Holders that answered with fsync."""
    holders: int
    survives_failures: int
    stored_bytes: int
    seconds: float

    @property
    def link(self) -> str:
        """What gets the object back, from any node of the network."""
        return self.object.link

    @property
    def root(self) -> str:
        return self.object.root


@dataclass(frozen=True, slots=True)
class GetResult(Record):
    name: str = wire("objectName")
    media_type: str = wire("mediaType")
    size: int = wire("bytes")
    seconds: float = wire("seconds")


@dataclass(frozen=True, slots=True)
class TreeResult(Record):
    name: str = wire("objectName")
    entries: int = wire("entries")
    size: int = wire("bytes")


@dataclass(frozen=True, slots=True)
class TreeEntry(Record):
    path: str
    """Relative, `/` between names."""
    type: EntryType
    mode: int = 0
    modified_ms: int = 0
    size: int = wire("bytes", default=0)
    target: str = ""
    """Of a symlink."""


@dataclass(frozen=True, slots=True)
class Holder(Record):
    peer_id: str
    shards: int
    live: bool


@dataclass(frozen=True, slots=True)
class ObjectInfo(Record):
    object: ObjectRecord
    stored_bytes: int
    stripes: int
    is_striped: bool
    holders: tuple[Holder, ...]
    shards_present: int
    shards_total: int
    survives_failures: int


@dataclass(frozen=True, slots=True)
class RemoveResult(Record):
    root: str
    confirmed: int
    """Holders that said so."""
    holders: int


@dataclass(frozen=True, slots=True)
class Part(Record):
    part: str
    up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Status(Record):
    version: str
    node_id: int
    peer_id: str
    is_private_network: bool
    started_ms: int
    ready: bool
    parts: tuple[Part, ...]
    peers_known: int
    peers_connected: int
    store_live_bytes: int
    store_garbage_bytes: int
    store_free_bytes: int
    store_records: int
    objects_held: int
    objects_catalogue: int
    objects_under_repair: int
    memory_bytes: int
    quic_addresses: tuple[str, ...]
    multiaddrs: tuple[str, ...]
    http_address: str
    rpc_address: str
    reachability: str
    """public, private or unknown."""


@dataclass(frozen=True, slots=True)
class Peer(Record):
    peer_id: str
    node_id: int
    is_node_id_known: bool
    is_node_id_ambiguous: bool
    status: int
    """0 active, 1 purgatory, 2 dead."""
    latency_ms: float | None
    """`None`: never measured; so with the next two and `health`."""
    jitter_ms: float | None
    packet_loss: float | None
    threat_score: float
    health: float | None
    last_seen_ms: int | None = wire("lastSeenMs", absent=0)
    connected: bool = wire("connected")
    quic_addresses: tuple[str, ...] = wire("quicAddresses")
    multiaddrs: tuple[str, ...] = wire("multiaddrs")
    storing: bool = wire("storing")
    free_bytes: int | None = wire("freeBytes", absent=-1)
    failure_domain: str = wire("failureDomain")
    version: str = wire("version")
    path: str = wire("path")
    """direct, punched or relayed; empty when not connected."""


@dataclass(frozen=True, slots=True)
class Candidate(Record):
    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Stage(Record):
    stage: str
    chosen: str
    why: str
    forced: bool
    bytes_per_second: float | None
    rejected: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Plan(Record):
    stages: tuple[Stage, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirewallCounter(Record):
    listener: str
    allowed: int
    denied: int


@dataclass(frozen=True, slots=True)
class FirewallState(Record):
    mode: str
    allow: tuple[str, ...]
    """CIDR blocks."""
    counters: tuple[FirewallCounter, ...]


@dataclass(frozen=True, slots=True)
class RepairRound(Record):
    ended_ms: int | None = wire("endedMs", absent=0)
    """`None`: no round was made yet."""
    objects_checked: int = wire("objectsChecked")
    shards_restored: int = wire("shardsRestored")
    objects_below_target: int = wire("objectsBelowTarget")
    objects_unreadable: int = wire("objectsUnreadable")


@dataclass(frozen=True, slots=True)
class RepairState(Record):
    paused: bool
    objects_held: int
    objects_under_repair: int
    shards_restored: int
    """Since the node started."""
    last: RepairRound


# Events --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PeerEvent(Record):
    change: Literal["found", "connected", "disconnected", "changed"]
    peer: Peer


@dataclass(frozen=True, slots=True)
class ObjectEvent(Record):
    change: Literal["put", "removed"]
    root: str
    name: str = wire("objectName")
    size: int = wire("bytes")


@dataclass(frozen=True, slots=True)
class RepairEvent(Record):
    change: Literal["roundEnded", "restored", "unreadable", "paused", "resumed"]
    root: str
    """Empty for a whole round."""
    shards: int


@dataclass(frozen=True, slots=True)
class FirewallEvent(Record):
    change: Literal["denied", "rules"]
    listener: str
    address: str
    """Empty where the enforcer only counts."""
    count: int


@dataclass(frozen=True, slots=True)
class MessageEvent(Record):
    from_peer_id: str
    from_node_id: int
    """Label; 0 when unknown."""
    data: bytes


Detail = PeerEvent | ObjectEvent | RepairEvent | FirewallEvent | MessageEvent
_details: dict[str, type[Detail]] = {
    "peer": PeerEvent, "object": ObjectEvent, "repair": RepairEvent, "firewall": FirewallEvent, "message": MessageEvent,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    sequence: int
    """Counts from 1 within a subscription."""
    lost: int
    """Events dropped just before this one, because the listener was slow."""
    at_ms: int
    kind: str
    """peer, object, repair, firewall or message; `unknown` for what a newer node sends."""
    detail: Detail | None

    def to_dict(self) -> dict[str, Any]:
        detail = {} if self.detail is None else {self.kind: self.detail.to_dict()}
        return {"sequence": self.sequence, "lost": self.lost, "atMs": self.at_ms, "kind": self.kind, **detail}


def read_event(reader: Any) -> Event:
    try:
        kind = str(reader.which())
    except Exception:  # pycapnp's own error for a union member that this schema does not have
        return Event(reader.sequence, reader.lost, reader.atMs, "unknown", None)
    detail: Detail = read(_details[kind], getattr(reader, kind))
    return Event(reader.sequence, reader.lost, reader.atMs, kind, detail)
