"""`pangea-py graph`: the realtime graph from the command line, with the words of `pangea-node graph`."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from typing import Any

from .blocking import Client
from .errors import error_of
from .graph import Link, Value

_json_value = re.compile(r'null|true|false|-?\d+(\.\d+)?([eE][-+]?\d+)?|".*"', re.DOTALL)


def _value_of(text: str) -> Value:
    """Numbers, true, false and null as they are, `@` for a link, quotes around text that would be one of these."""
    if text.startswith("@") and len(text) > 1:
        return Link(text[1:])
    if _json_value.fullmatch(text):
        try:
            value: Value = json.loads(text)
        except ValueError:
            return text
        return value
    return text


def _text_of(value: Value) -> str:
    if isinstance(value, Link):
        return f"@{value.soul}"
    if isinstance(value, str) and _value_of(value) == value and value.isprintable():
        return value
    return json.dumps(value)


def _get(client: Client, arguments: argparse.Namespace) -> None:
    graph, soul = client.graph(), arguments.soul
    node = graph.get(soul, wait=arguments.wait)
    if node is None or (arguments.key is not None and arguments.key not in node):
        raise error_of("NOT_FOUND", f"nobody who was asked has {soul}" + (f" with a field {arguments.key}" if arguments.key else ""))
    fields = node if arguments.key is None else {arguments.key: node[arguments.key]}
    if arguments.json:
        states = {key: node.states[key] for key in fields}
        whole = node.to_dict()
        print(json.dumps({"_": {"#": soul, ">": states}, **{key: whole[key] for key in fields}}))
        return
    for key, value in fields.items():
        print(_text_of(value) if arguments.key is not None else f"{key}  {_text_of(value)}")


def _put(client: Client, arguments: argparse.Namespace) -> None:
    fields: dict[str, Value] = {}
    for word in arguments.fields:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise error_of("USAGE", f"a field is KEY=VALUE, not {word!r}")
        fields[key] = _value_of(text)
    done = client.graph().put(arguments.soul, fields)
    print(json.dumps(done.to_dict()) if arguments.json else f"stored ({done.stored})")


def _watch(client: Client, arguments: argparse.Namespace) -> None:
    souls = [] if arguments.prefix else [arguments.soul]
    with client.graph().watch(*souls, prefix=arguments.soul if arguments.prefix else "", whole=arguments.whole) as watch:
        for count, change in enumerate(watch, 1):
            print(json.dumps(change.to_dict()), flush=True)
            if count == arguments.count:
                return


def _souls(client: Client, arguments: argparse.Namespace) -> None:
    for soul in client.graph().souls(arguments.prefix):
        print(json.dumps(soul) if arguments.json or not soul.isprintable() else soul)


def _status(client: Client, arguments: argparse.Namespace) -> None:
    status = client.graph().status()
    if arguments.json:
        print(json.dumps(status.to_dict()))
        return
    if not status.is_on:
        print("this node serves no graph: start it with --graph-addr")
        return
    print(f"{status.address}, kept in {status.store_name} ({status.stored}), digest {status.digest or 'not known yet'}")
    print(f"{status.relay_peers} relays and {status.leaf_peers} leaves connected; {status.fields_accepted} fields taken since the start")
    for relay in status.relays:
        print(f"relay {relay.url}: {relay.state}")


def add_graph_commands(commands: Any) -> None:
    text = "the realtime graph: get, put, watch, souls, status"
    parser = commands.add_parser("graph", help=text, description=text)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, run: Callable[[Client, argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        added.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return added

    get = action("get", _get, "the fields of a node, or one of them")
    get.add_argument("soul")
    get.add_argument("key", nargs="?")
    get.add_argument(
        "--wait", type=float, default=2.0, metavar="SECONDS", help="for peers, when the node itself has nothing (default %(default)g)"
    )
    put = action("put", _put, "set fields of a node")
    put.add_argument("soul")
    put.add_argument(
        "fields", nargs="+", metavar="KEY=VALUE",
        help='numbers, true, false and null (which deletes) as they are, @ for a link, all else as text; quotes make text: zip="00123"',
    )  # fmt: skip
    watch = action("watch", _watch, "what there is, then every change, one JSON record a line, until Ctrl-C")
    watch.add_argument("soul")
    watch.add_argument("--prefix", action="store_true", help="all nodes whose soul begins so")
    watch.add_argument("--whole", action="store_true", help="all of the node with each change")
    watch.add_argument("--count", type=int, metavar="N", help="end after N")
    action("souls", _souls, "souls of all nodes that are here, one a line").add_argument("prefix", nargs="?", default="")
    action("status", _status, "address, store, peers and counts")
