"""The realtime graph's own values: nodes, links, changes. Nothing here refers to the connection.

A node is found by its soul and holds fields; a value is text, a number, a truth value, `None` (a field that was deleted) or a
`Link` to another soul. Times are milliseconds since 1970, with fractions that order writes of one millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ._wire import Record
from .errors import error_of

Stored = Literal["memory", "disk", "remote"]
Origin = Literal["now", "local", "peer", "deferred"]


@dataclass(frozen=True, slots=True)
class Link:
    """A value that leads to the node with this soul."""

    soul: str


Value = str | float | bool | Link | None


class GraphNode(dict[str, Value]):
    """The fields of a node, in byte order of their keys."""

    def __init__(self, soul: str, fields: Iterable[tuple[str, Value, float]] = ()) -> None:
        super().__init__()
        self.soul = soul
        self.states: dict[str, float] = {}
        """When each field was written."""
        self.add(fields)

    def add(self, fields: Iterable[tuple[str, Value, float]]) -> None:
        for key, value, state in fields:
            self[key] = value
            self.states[key] = state

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON, as gun.js writes it: links as `{"#": soul}`, soul and states under `_`."""
        fields = {key: {"#": value.soul} if isinstance(value, Link) else value for key, value in self.items()}
        return {"_": {"#": self.soul, ">": dict(self.states)}, **fields}


@dataclass(frozen=True, slots=True)
class GraphChange:
    """Something happened to a node: first all that there is, then what changed."""

    fields: GraphNode
    """What changed; of a watch of whole nodes, all of it."""
    origin: str
    """`now` (what there was when it was read), `local` (written by the node), `peer`, `deferred` (its time has come)."""
    sequence: int
    lost: int
    """Nodes whose changes were dropped just before this one, because this program was slow: read those that matter again."""
    more: bool
    """The rest of what is told of this node comes next."""

    @property
    def soul(self) -> str:
        return self.fields.soul

    def to_dict(self) -> dict[str, Any]:
        return {"origin": self.origin, "lost": self.lost, **({"more": True} if self.more else {}), "node": self.fields.to_dict()}


@dataclass(frozen=True, slots=True)
class GraphPut(Record):
    state: float
    """When it was written."""
    stored: Stored
    """What the write survives by now: nothing, the end of the process (`disk`), or of the machine (`remote`)."""


@dataclass(frozen=True, slots=True)
class GraphRelay(Record):
    url: str
    state: str
    """open, connecting, waiting, self or closed."""


@dataclass(frozen=True, slots=True)
class GraphStatus(Record):
    is_on: bool
    """`False`: the node was started without `--graph-addr`, and the rest is empty."""
    address: str
    """`ws://host:port/gun`: for gun.js."""
    pid: str
    store_name: str
    stored: Stored
    """What an acknowledged write survives."""
    stored_bytes: int
    digest: str
    """Equal in two nodes that hold the same; empty until it is known."""
    relays: tuple[GraphRelay, ...]
    relay_peers: int
    leaf_peers: int
    fields_accepted: int
    fields_old: int
    fields_refused: int
    fields_deferred: int
    fields_unstored: int
    nodes_in_memory: int
    fields_in_memory: int
    messages_in: int
    messages_out: int
    outbox: int
    """Writes of this node that no relay has confirmed."""
    failed_writes: int


def to_wire(fields: Mapping[str, Value]) -> list[dict[str, Any]]:
    """Throws `Invalid` for what is no value of the graph."""
    return [{"key": key, "value": _value_to_wire(key, value)} for key, value in fields.items()]


def _value_to_wire(key: str, value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"null": None}
        case bool():
            return {"bool": value}
        case str():
            return {"text": value}
        case Link():
            return {"link": value.soul}
        case int() if float(value) != value:
            raise error_of("USAGE", f"the field {key!r} loses digits: numbers of the graph have 53 bits; write it as text")
        case int() | float():
            return {"number": float(value)}
    raise error_of("USAGE", f"the field {key!r} is a {type(value).__name__}: text, numbers, True, False, None and Link can be in a graph")


def from_wire(fields: Iterable[Any]) -> list[tuple[str, Value, float]]:
    return [(str(field.key), _value_from_wire(field.value), float(field.state)) for field in fields]


def _value_from_wire(value: Any) -> Value:
    match str(value.which()):
        case "text":
            return str(value.text)
        case "number":
            number = float(value.number)
            # As JSON has it: what was written as a whole number comes back as one.
            return int(number) if number.is_integer() and abs(number) < 2**53 else number
        case "bool":
            return bool(value.bool)
        case "link":
            return Link(str(value.link))
    return None
