"""`pangea-py`: a node from the command line, in Python. `python -m pangea_client` is the same."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from ._cli_graph import add_graph_commands
from ._connection import Tls, TlsOption
from ._events import event_kinds
from ._token import find_token
from ._wire import Record
from .blocking import Client
from .errors import PangeaError, error_of
from .records import RepairAction


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


class Bar:
    """Progress on a terminal's standard error; nothing elsewhere."""

    width = 30

    def __init__(self, label: str) -> None:
        self._label = label
        self._shown = ""
        self._is_on = sys.stderr.isatty()

    def __call__(self, done: int, total: int | None) -> None:
        if not self._is_on:
            return
        filled = "" if not total else "#" * (self.width * min(done, total) // total)
        line = f"{self._label} {_size(done)}" if not total else f"{self._label} [{filled:<{self.width}}] {_size(done)} of {_size(total)}"
        if line != self._shown:
            self._shown = line
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _say(arguments: argparse.Namespace, value: Any, text: str | Iterable[str]) -> None:
    if arguments.json:
        print(json.dumps(value.to_dict() if isinstance(value, Record) else value))
        return
    for line in [text] if isinstance(text, str) else text:
        print(line)


def _put(client: Client, arguments: argparse.Namespace) -> None:
    bar = Bar("put")
    try:
        if arguments.path == "-":
            result = client.put(
                sys.stdin.buffer, arguments.name or "", media_type=arguments.type, acknowledge=arguments.ack, progress=bar
            )
        elif Path(arguments.path).is_dir():
            result = client.put_tree(arguments.path, arguments.name, acknowledge=arguments.ack, progress=bar)
        else:
            result = client.put(arguments.path, arguments.name, media_type=arguments.type, acknowledge=arguments.ack, progress=bar)
    finally:
        bar.end()
    _say(arguments, result, result.link)
    if not arguments.json and result.survives_failures < 4:
        print(f"survives {result.survives_failures} failures of {result.holders} holders", file=sys.stderr)


def _get(client: Client, arguments: argparse.Namespace) -> None:
    bar = Bar("get")
    try:
        if arguments.output != "-":
            is_part = arguments.path or arguments.offset or arguments.length is not None
            if not is_part and client.info(arguments.reference).object.kind == "directory":
                tree = client.get_tree(arguments.reference, arguments.output, progress=bar)
                bar.end()
                return _say(arguments, tree, ())
        into: Any = sys.stdout.buffer if arguments.output == "-" else arguments.output
        result = client.get(
            arguments.reference, offset=arguments.offset, length=arguments.length, path=arguments.path, into=into, progress=bar
        )
        sys.stdout.flush()
    finally:
        bar.end()
    if arguments.output != "-":
        _say(arguments, result, ())


def _ls(client: Client, arguments: argparse.Namespace) -> None:
    for each in client.list(arguments.pattern):
        _say(arguments, each, f"{each.root}  {_size(each.size):>10}  {each.created:%Y-%m-%d %H:%M}  {each.name}")


def _info(client: Client, arguments: argparse.Namespace) -> None:
    info = client.info(arguments.reference)
    record = info.object
    _say(arguments, info, [
        f"{record.name or '(no name)'}: {record.kind}, {_size(record.size)}, {record.media_type or 'no media type'}",
        f"root      {record.root}",
        f"stored    {_size(info.stored_bytes)} in {info.stripes} stripes; {info.shards_present} of {info.shards_total} shards present",
        f"survives  {info.survives_failures} failures of {len(info.holders)} holders",
        *(f"holder    {each.peer_id}  {each.shards} shards{'' if each.live else '  (away)'}" for each in info.holders),
    ])  # fmt: skip


def _rm(client: Client, arguments: argparse.Namespace) -> None:
    result = client.remove(arguments.reference)
    _say(arguments, result, f"{result.root}: {result.confirmed} of {result.holders} holders deleted it")


def _status(client: Client, arguments: argparse.Namespace) -> None:
    status = client.status()
    _say(arguments, status, [
        f"node {status.node_id} ({status.peer_id}), version {status.version}, {'ready' if status.ready else 'not ready'}",
        f"{status.peers_connected} of {status.peers_known} peers connected; reachability {status.reachability or 'unknown'}",
        f"{status.objects_held} objects held, {status.objects_under_repair} under repair; {_size(status.store_live_bytes)} stored",
        *(f"{'up  ' if part.up else 'DOWN'} {part.part}: {part.detail}" for part in status.parts),
    ])  # fmt: skip


def _peers(client: Client, arguments: argparse.Namespace) -> None:
    for each in client.peers():
        latency = "-" if each.latency_ms is None else f"{each.latency_ms:.1f} ms"
        _say(arguments, each, f"{each.peer_id}  {each.node_id:>10}  {latency:>10}  {each.path if each.connected else 'not connected'}")


def _plan(client: Client, arguments: argparse.Namespace) -> None:
    plan = client.plan()
    _say(arguments, plan, [f"{each.stage}: {each.chosen}{' (forced)' if each.forced else ''}: {each.why}" for each in plan.stages])


def _metrics(client: Client, arguments: argparse.Namespace) -> None:
    text = client.metrics()
    _say(arguments, {"text": text}, text.rstrip("\n"))


def _events(client: Client, arguments: argparse.Namespace) -> None:
    with client.subscribe(*arguments.kinds) as subscription:
        for count, event in enumerate(subscription, 1):
            print(json.dumps(event.to_dict()), flush=True)
            if count == arguments.count:
                return


def _firewall(client: Client, arguments: argparse.Namespace) -> None:
    state = client.firewall() if arguments.allow is None else client.set_firewall(arguments.allow)
    counters = (f"{each.listener}: {each.allowed} allowed, {each.denied} denied" for each in state.counters)
    _say(arguments, state, [f"{state.mode}, allow {' '.join(state.allow)}", *counters])


def _repair(client: Client, arguments: argparse.Namespace) -> None:
    action: RepairAction | None = "runOnce" if arguments.action == "run" else arguments.action
    state = client.repair() if action is None else client.control_repair(action)
    under_way = f"{state.objects_under_repair} of {state.objects_held} objects under repair"
    _say(arguments, state, f"{'paused' if state.paused else 'on'}: {under_way}")


def _connect(client: Client, arguments: argparse.Namespace) -> None:
    peer = client.connect_peer(arguments.address)
    _say(arguments, {"peerId": peer}, peer)


def _revoke(client: Client, arguments: argparse.Namespace) -> None:
    client.revoke_peer(arguments.peer)
    _say(arguments, {"peerId": arguments.peer}, ())


def _invite(client: Client, arguments: argparse.Namespace) -> None:
    ticket = client.invite(arguments.uses, timedelta(seconds=arguments.expires))
    _say(arguments, {"ticket": ticket}, ticket)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pangea-py", description="A running Pangea node, over Cap'n Proto RPC.")
    parser.add_argument("--address", default="127.0.0.1:8080", metavar="HOST:PORT", help="the node's rpc-addr (default %(default)s)")
    parser.add_argument("--data-dir", metavar="DIR", help="the node's data directory, for its token")
    parser.add_argument("--token-file", metavar="FILE", help="file with the token; PANGEA_RPC_TOKEN holds it too")
    parser.add_argument("--tls", action="store_true", help="TLS, with the authorities that the system trusts")
    parser.add_argument("--tls-ca", metavar="FILE", help="TLS, with this authority (PEM)")
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate of this client (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="its key (PEM)")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="to connect (default %(default)g)")
    parser.add_argument("--json", action="store_true", help="one JSON record a line")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Client, argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        # Also after the command; not given there, it leaves what was said before it.
        added.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return added

    put = command("put", _put, "store a file, a directory, or standard input; prints the link")
    put.add_argument("path", help="file, directory, or - for standard input")
    put.add_argument("--name", help="instead of the file's own")
    put.add_argument("--type", default="", metavar="MEDIA/TYPE")
    put.add_argument("--ack", default="default", choices=("default", "memory", "some", "all"))
    get = command("get", _get, "fetch an object, or a range of it")
    get.add_argument("reference", help="link, root or name")
    get.add_argument("-o", "--output", required=True, metavar="PATH", help="file or directory to make; - for standard output")
    get.add_argument("--offset", type=int, default=0, metavar="BYTES")
    get.add_argument("--length", type=int, metavar="BYTES")
    get.add_argument("--path", default="", help="one file of a directory object")
    command("ls", _ls, "list objects").add_argument("pattern", nargs="?", default="", help="part of the name; * and ? match")
    command("info", _info, "where an object lies, and what it survives").add_argument("reference")
    command("rm", _rm, "delete an object from all holders").add_argument("reference")
    command("status", _status, "the node's state")
    command("peers", _peers, "the nodes it knows")
    command("plan", _plan, "which implementation of each stage runs, and why")
    command("metrics", _metrics, "Prometheus text")
    events = command("events", _events, "what happens, one JSON record a line, until Ctrl-C")
    events.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(event_kinds)} (default: all)")
    events.add_argument("--count", type=int, metavar="N", help="end after N")
    command("firewall", _firewall, "the firewall's state, or a new allowlist").add_argument("--allow", nargs="+", metavar="CIDR")
    command("repair", _repair, "the state of repair, or what to do").add_argument("action", nargs="?", choices=("run", "pause", "resume"))
    command("connect", _connect, "connect to a peer").add_argument("address", help="host:port for QUIC, or a multiaddr")
    command("revoke", _revoke, "put a member out of the private network").add_argument("peer", metavar="PEERID")
    invite = command("invite", _invite, "a ticket for a new member")
    invite.add_argument("--uses", type=int, default=1)
    invite.add_argument("--expires", type=float, default=86400.0, metavar="SECONDS")
    add_graph_commands(commands)
    token = commands.add_parser("token", help="print the token that would be used")
    token.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise error_of("USAGE", f"an address is HOST:PORT, not {text!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


def _token(arguments: argparse.Namespace) -> str | None:
    if arguments.token_file is None:
        return None
    try:
        return Path(arguments.token_file).read_text().strip()
    except OSError as error:
        raise error_of("FILE_IO", f"{arguments.token_file} cannot be read: {error.strerror}") from error


def _tls(arguments: argparse.Namespace) -> TlsOption:
    if arguments.tls_ca is None and arguments.tls_cert is None:
        return bool(arguments.tls)
    return Tls(arguments.tls_ca, arguments.tls_cert, arguments.tls_key)


def _run(arguments: argparse.Namespace) -> None:
    host, port = _address(arguments.address)
    if arguments.command == "token":
        found = find_token(host, _token(arguments), arguments.data_dir)
        if not found.text:
            raise error_of("NOT_FOUND", "no token: give --data-dir or --token-file, or set PANGEA_RPC_TOKEN")
        return _say(arguments, {"token": found.text, "source": found.source}, found.text)
    connection = Client.connect(
        host, port, token=_token(arguments), data_dir=arguments.data_dir, tls=_tls(arguments), timeout=arguments.timeout
    )
    with connection as client:
        arguments.run(client, arguments)


def main(argv: list[str] | None = None) -> int:
    """Exit codes are the node's own: sysexits.h where one fits, 130 after Ctrl-C, 64 for a wrong command line."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:
        return 64 if stop.code else 0
    try:
        _run(arguments)
        sys.stdout.flush()
        return 0
    except PangeaError as error:
        record = json.dumps({"error": {"code": error.code, "message": error.message}})
        print(record if arguments.json else f"pangea-py: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
