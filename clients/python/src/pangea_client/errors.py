"""What can go wrong, as one class with a stable code, and a few subclasses to catch.

A node answers with the reason `CODE: message`. The codes are the node's own (`errorCodes` in its sources) and never
change their meaning; `exit_codes` are the statuses that its command line and this package's give for them.
"""

from __future__ import annotations

import re

import capnp

exit_codes: dict[str, int] = {
    "USAGE": 64, "CONFIG_INVALID": 78, "CONFIG_UNKNOWN_KEY": 78, "FILE_EXISTS": 73, "FILE_IO": 74, "FILE_CHANGED": 75,
    "FILE_NOT_REACHABLE": 74, "LINK_INVALID": 65, "LINK_TRUNCATED": 65, "TICKET_INVALID": 65, "PHRASE_INVALID": 65,
    "KEY_FILE_INVALID": 65, "KEY_FILE_EXISTS": 73, "KEY_FILE_EXPOSED": 77, "NOT_FOUND": 66, "WRONG_KEY": 77,
    "NO_KEY": 77, "NOT_ENOUGH_SHARDS": 69, "NOT_ENOUGH_PEERS": 69, "DURABILITY_NOT_REACHED": 69, "CORRUPT": 65,
    "SHARD_MISMATCH": 65, "LAYOUT_INVALID": 65, "MANIFEST_INVALID": 65, "DIRECTORY_INVALID": 65,
    "GRAPH_INVALID": 65, "DICTIONARY_INVALID": 65, "WRONG_DICTIONARY": 65, "UNSAFE_PATH": 65, "TOO_LARGE": 65, "STORE_FULL": 73,
    "STORE_READ_ONLY": 73, "STORE_MISSING": 73, "STORE_FOREIGN": 78, "STORE_LOCKED": 75, "STORE_CORRUPT": 74,
    "STORE_IO": 74, "STORE_CLOSED": 70, "PORT_IN_USE": 71, "ADDRESS_INVALID": 64, "PEER_UNREACHABLE": 69,
    "PEER_MISMATCH": 76, "PEER_REFUSED": 77, "PEER_BUSY": 75, "PROTOCOL": 76, "TIMEOUT": 75, "ABORTED": 130,
    "NOT_A_MEMBER": 77, "DIAL_REFUSED": 77, "DENIED": 77, "TOO_MANY": 75, "NODE_NOT_RUNNING": 69,
    "NODE_ALREADY_RUNNING": 75, "NODE_STOPPING": 75, "NATIVE_UNAVAILABLE": 70, "NATIVE_OUTDATED": 70,
    "BACKEND_UNAVAILABLE": 70, "BODY_RELEASED": 70, "NOT_SUPPORTED": 70, "INTERNAL": 70,
}  # fmt: skip


class PangeaError(Exception):
    """Anything that a node refuses, or that keeps this client from asking it.

    `code` is stable, for programs; `message` is one line for people, and says what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def exit_code(self) -> int:
        return exit_codes.get(self.code, 70)


class NotFound(PangeaError, LookupError):
    """No such object, node or peer."""


class Denied(PangeaError):
    """Wrong or missing token, a right that the session lacks, an expired or revoked session, a wrong key."""


class Busy(PangeaError):
    """The node is at one of its limits, or stopping: try again later."""


class TooLarge(PangeaError, ValueError):
    """More than the node takes at once."""


class Invalid(PangeaError, ValueError):
    """A link, ticket, path, address or setting that cannot be right."""


class Corrupt(PangeaError):
    """Bytes that do not verify. None of them was handed on."""


class NotEnough(PangeaError):
    """Too few holders answered to read the object, or to make it as durable as was asked."""


class StoreFailure(PangeaError):
    """The node's own disk: full, read-only, missing or broken."""


class Unreachable(PangeaError):
    """No node answers at the address, or the connection to it was lost."""


class NotSupported(PangeaError, NotImplementedError):
    """The node at the other end does not have this."""


class TimedOut(PangeaError):
    """It took longer than allowed."""


class Aborted(PangeaError):
    """Given up, here or there: the client was closed, the transfer ended early."""


_classes: dict[type[PangeaError], tuple[str, ...]] = {
    NotFound: ("NOT_FOUND",),
    Denied: ("DENIED", "WRONG_KEY", "NO_KEY", "NOT_A_MEMBER", "PEER_REFUSED", "DIAL_REFUSED"),
    Busy: ("PEER_BUSY", "TOO_MANY", "NODE_STOPPING"),
    TooLarge: ("TOO_LARGE",),
    Invalid: (
        "USAGE", "CONFIG_INVALID", "CONFIG_UNKNOWN_KEY", "LINK_INVALID", "LINK_TRUNCATED", "TICKET_INVALID",
        "PHRASE_INVALID", "ADDRESS_INVALID", "UNSAFE_PATH", "DICTIONARY_INVALID", "WRONG_DICTIONARY", "FILE_EXISTS",
    ),
    Corrupt: ("CORRUPT", "SHARD_MISMATCH", "LAYOUT_INVALID", "MANIFEST_INVALID", "DIRECTORY_INVALID", "GRAPH_INVALID"),
    NotEnough: ("NOT_ENOUGH_SHARDS", "NOT_ENOUGH_PEERS", "DURABILITY_NOT_REACHED"),
    StoreFailure: tuple(code for code in exit_codes if code.startswith("STORE_")),
    Unreachable: ("PEER_UNREACHABLE", "NODE_NOT_RUNNING"),
    NotSupported: ("NOT_SUPPORTED",),
    TimedOut: ("TIMEOUT",),
    Aborted: ("ABORTED",),
}  # fmt: skip
_by_code = {code: kind for kind, codes in _classes.items() for code in codes}

# pycapnp puts `message = ` before the reasons of its own servers.
_reason = re.compile(r"(?:remote exception: )*(?:message = )?([A-Z][A-Z_]+): (.*)", re.DOTALL)
_by_type = {
    "DISCONNECTED": ("PEER_UNREACHABLE", "the connection to the node was lost"),
    "UNIMPLEMENTED": ("NOT_SUPPORTED", "the node does not have this method"),
    "OVERLOADED": ("PEER_BUSY", "the node is at a limit"),
}


def error_of(code: str, message: str) -> PangeaError:
    """The fitting subclass; an unknown code stays a plain `PangeaError`."""
    return _by_code.get(code, PangeaError)(code, message)


def error_from_reason(reason: str, fallback: str = "INTERNAL") -> PangeaError:
    """`CODE: message` as an error; other text becomes the message of `fallback`."""
    match = _reason.fullmatch(reason.strip())
    if match is not None and match[1] in exit_codes:
        return error_of(match[1], match[2])
    return error_of(fallback, reason.strip().removeprefix("remote exception: ") or "the node gave no reason")


def error_from_kj(error: capnp.KjException) -> PangeaError:
    """What pycapnp raised for a call, as this package's error."""
    text = str(error.description or error)
    match = _reason.fullmatch(text.strip())
    if match is not None and match[1] in exit_codes:
        return error_of(match[1], match[2])
    code, message = _by_type.get(str(error.type), ("INTERNAL", ""))
    detail = text.strip().removeprefix("remote exception: ").splitlines()
    return error_of(code, ": ".join(part for part in (message, detail[0] if detail else "") if part))
