"""Where the token of `login` comes from: the argument, `PANGEA_RPC_TOKEN`, the data directory's `rpc-token`."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import NamedTuple

from .errors import error_of

max_token_bytes = 4096


class Token(NamedTuple):
    text: str
    source: str
    """Where it was found, for messages. Empty text: nowhere."""


def default_data_dir() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "pangea-node"


def find_token(host: str, token: str | None, data_dir: str | os.PathLike[str] | None) -> Token:
    if token is not None:
        return Token(token.strip(), "the token given")
    from_environment = os.environ.get("PANGEA_RPC_TOKEN", "").strip()
    if from_environment:
        return Token(from_environment, "PANGEA_RPC_TOKEN")
    if data_dir is not None:
        return _read(Path(data_dir) / "rpc-token", required=True)
    # This machine's token is no business of another machine's node.
    return _read(default_data_dir() / "rpc-token", required=False) if _is_loopback(host) else Token("", "")


def _read(path: Path, *, required: bool) -> Token:
    try:
        with path.open("rb") as file:
            return Token(file.read(max_token_bytes).decode().strip(), str(path))
    except FileNotFoundError:
        if required:
            raise error_of("NOT_FOUND", f"{path} does not exist: has the node of this data directory been started?") from None
        return Token("", "")
    except (OSError, UnicodeDecodeError) as error:
        raise error_of("FILE_IO", f"{path} cannot be read: {error}") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
