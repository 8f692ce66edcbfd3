"""A node in memory: `PangeaNode`, `Session` and what hangs on them, served by pycapnp. Real behaviour, no network behind it."""

from __future__ import annotations

import asyncio
import fnmatch
import functools
import hashlib
import json
import ssl
import sys
import time
import weakref
from dataclasses import dataclass, field
from typing import Any

import capnp
from memory_neighbour import Neighbour, reason

from pangea_client._schema import schema

CHUNK = 64 * 1024
RIGHTS = ("read", "write", "remove", "observe", "control")


@dataclass
class Stored:
    name: str
    media_type: str
    content: bytes = b""
    entries: list[tuple[dict[str, Any], bytes]] | None = None
    created_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)

    @functools.cached_property
    def root(self) -> str:
        whole = hashlib.sha256(repr((self.name, self.entries)).encode())
        whole.update(self.content)
        return whole.hexdigest()

    @property
    def bytes(self) -> int:
        return len(self.content) if self.entries is None else sum(len(content) for _, content in self.entries)

    def record(self) -> dict[str, Any]:
        return {
            "root": self.root, "link": f"pangea:1:{self.root}", "objectName": self.name, "mediaType": self.media_type,
            "kind": "file" if self.entries is None else "directory", "bytes": self.bytes, "createdMs": self.created_ms,
        }  # fmt: skip


class World:
    """What the node holds, and what tests look at and turn."""

    def __init__(self, token: str = "secret") -> None:
        self.token = token
        self.objects: dict[str, Stored] = {}
        self.by_request: dict[str, Any] = {}
        self.listeners: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self.allow = ["127.0.0.0/8"]
        self.paused = False
        self.config: dict[str, Any] = {"nodeId": 42, "customSettings": []}
        self.nodes = {42: (0, 0.0, 0.0), 7: (1, 12.5, 0.6)}
        self.messages: list[tuple[int, bytes]] = []
        self.uploads_open = 0
        self.ranges: list[tuple[int, int]] = []
        self.write_delay = 0.0
        self.fail_write_at: int | None = None
        self.short_get = 0
        self.hostile_tree: list[tuple[dict[str, Any], bytes]] | None = None
        self.server: Any = None
        self.port = 0

    async def start(self, tls: ssl.SSLContext | None = None) -> World:
        async def serve(stream: Any) -> None:
            await capnp.TwoPartyServer(stream, bootstrap=Node(self), traversal_limit_in_words=2**25).on_disconnect()

        self.server = await capnp.AsyncIoStream.create_server(serve, "127.0.0.1", 0, ssl=tls)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def find(self, reference: str) -> Stored:
        root = reference.removeprefix("pangea:1:")
        found = self.objects.get(root) or next((each for each in self.objects.values() if each.name == reference), None)
        if found is None:
            raise reason("NOT_FOUND", f"no object {reference}")
        return found

    def keep(self, stored: Stored, acknowledge: Any) -> dict[str, Any]:
        self.objects[stored.root] = stored
        self.tell("object", {"change": "put", "root": stored.root, "objectName": stored.name, "bytes": stored.bytes})
        return {
            "object": stored.record(), "acknowledge": str(acknowledge), "fsynced": 12, "holders": 12, "survivesFailures": 4,
            "storedBytes": stored.bytes * 3 // 2, "seconds": 0.01,
        }  # fmt: skip

    def keep_uploaded(self, data: bytes) -> Stored:
        stored = Stored("uploaded", "", data)
        self.keep(stored, "all")
        return stored

    def tell(self, kind: str, event: dict[str, Any]) -> None:
        for each in list(self.listeners):
            each.tell(kind, event)


def fill(results: Any, values: dict[str, Any]) -> None:
    results.from_dict(values)


class Upload(schema.Upload.Server):
    def __init__(self, world: World, request: Any) -> None:
        self.world = world
        self.content = bytearray()
        self.name, self.media_type, self.acknowledge = request.objectName, request.mediaType, str(request.acknowledge)
        self.expected, self.request_id = request.expectedBytes, request.requestId
        self.finished = False
        world.uploads_open += 1

    def __del__(self) -> None:
        self.world.uploads_open -= 1

    async def write_context(self, context: Any) -> None:
        chunk = context.params.chunk
        self.content += chunk
        if self.world.fail_write_at is not None and len(self.content) > self.world.fail_write_at:
            raise reason("STORE_FULL", "no room is left")
        if self.world.write_delay:
            await asyncio.sleep(self.world.write_delay)

    async def finish_context(self, context: Any) -> None:
        if self.expected >= 0 and self.expected != len(self.content):
            raise reason("FILE_CHANGED", f"{self.expected} bytes were announced, {len(self.content)} came")
        kept = self.world.by_request.get(self.request_id)
        if kept is None:
            kept = self.world.keep(Stored(self.name, self.media_type, bytes(self.content)), self.acknowledge)
            if self.request_id:
                self.world.by_request[self.request_id] = kept
        fill(context.results, kept)


class TreeUpload(schema.TreeUpload.Server):
    def __init__(self, world: World, request: Any) -> None:
        self.world, self.name, self.acknowledge = world, request.objectName, str(request.acknowledge)
        self.entries: list[tuple[dict[str, Any], bytes]] = []

    async def entry_context(self, context: Any) -> None:
        self.entries.append((context.params.to_dict(), b""))

    async def write_context(self, context: Any) -> None:
        entry, content = self.entries[-1]
        self.entries[-1] = (entry, content + context.params.chunk)

    async def finish_context(self, context: Any) -> None:
        fill(context.results, self.world.keep(Stored(self.name, "", entries=self.entries), self.acknowledge))


class Subscription(schema.Subscription.Server):
    def __init__(self, kinds: set[str], listener: Any) -> None:
        self.kinds, self.listener, self.sequence, self.lost = kinds, listener, 0, 0
        self.waiting: asyncio.Queue[Any] = asyncio.Queue(4)
        self.task = asyncio.ensure_future(pump(self.waiting, listener))

    def tell(self, kind: str, event: dict[str, Any]) -> None:
        if kind not in self.kinds:
            return
        try:
            self.waiting.put_nowait({"sequence": self.sequence + 1, "lost": self.lost, "atMs": time.time_ns() // 1_000_000, kind: event})
            self.sequence, self.lost = self.sequence + 1, 0
        except asyncio.QueueFull:
            self.lost += 1

    def __del__(self) -> None:
        self.task.cancel()


async def pump(waiting: asyncio.Queue[Any], listener: Any) -> None:
    while True:
        event = await waiting.get()
        request = listener.event_request()
        request.from_dict(event)
        await request.send()


class Revoker(schema.Revoker.Server):
    def __init__(self, state: dict[str, bool]) -> None:
        self.state = state

    async def revoke_context(self, context: Any) -> None:
        self.state["revoked"] = True


class Session(schema.Session.Server):
    def __init__(self, world: World, rights: dict[str, Any], states: tuple[dict[str, bool], ...] = ()) -> None:
        self.world, self.rights, self.states = world, rights, states

    def need(self, right: str, reference: str | None = None) -> None:
        if any(state.get("revoked") for state in self.states):
            raise reason("DENIED", "this session was revoked")
        expires = self.rights["expiresMs"]
        if expires and time.time() * 1000 > expires:
            raise reason("DENIED", "this session has expired")
        if not self.rights[right]:
            raise reason("DENIED", f"this session may not {right}")
        only = self.rights["onlyObjects"]
        if reference is not None and only and self.world.find(reference).root not in only:
            raise reason("DENIED", "this session does not reach that object")

    async def put_context(self, context: Any) -> None:
        self.need("write")
        context.results.upload = Upload(self.world, context.params)

    async def putTree_context(self, context: Any) -> None:
        self.need("write")
        context.results.upload = TreeUpload(self.world, context.params)

    async def get_context(self, context: Any) -> None:
        request = context.params
        self.need("read", request.reference)
        stored = self.world.find(request.reference)
        content = stored.content
        if request.path:
            content = next((kept for entry, kept in stored.entries or [] if entry["path"] == request.path), None)
            if content is None:
                raise reason("NOT_FOUND", f"no {request.path} in it")
        end = len(content) if request.length < 0 else min(len(content), request.offset + request.length)
        self.world.ranges.append((request.offset, request.length))
        sink = request.sink
        for at in range(request.offset, end, CHUNK):
            await sink.write(chunk=content[at : min(end, at + CHUNK)])
        await sink.done()
        sent = max(0, end - request.offset)
        fill(
            context.results,
            {"objectName": stored.name, "mediaType": stored.media_type, "bytes": sent + self.world.short_get, "seconds": 0.01},
        )

    async def getTree_context(self, context: Any) -> None:
        self.need("read", context.params.reference)
        stored = self.world.find(context.params.reference)
        if stored.entries is None:
            raise reason("DIRECTORY_INVALID", "it is a file")
        sink, sent = context.params.sink, 0
        entries = self.world.hostile_tree or stored.entries
        for entry, content in entries:
            await sink.entry(**entry)
            for at in range(0, len(content), CHUNK):
                await sink.write(chunk=content[at : at + CHUNK])
            sent += len(content)
        await sink.done()
        fill(context.results, {"objectName": stored.name, "entries": len(entries), "bytes": sent})

    async def info_context(self, context: Any) -> None:
        self.need("read", context.params.reference)
        stored = self.world.find(context.params.reference)
        fill(context.results, {
            "object": stored.record(), "storedBytes": stored.bytes * 3 // 2, "stripes": 1, "isStriped": True, "shardsPresent": 12,
            "holders": [{"peerId": "12D3KooWMemory", "shards": 12, "live": True}], "shardsTotal": 12, "survivesFailures": 0,
        })  # fmt: skip

    async def list_context(self, context: Any) -> None:
        self.need("read")
        pattern = f"*{context.params.pattern}*"
        only = self.rights["onlyObjects"]
        found = sorted((each for each in self.world.objects.values() if fnmatch.fnmatch(each.name, pattern)), key=lambda each: each.name)
        left = [each for each in found if each.name > context.params.after and (not only or each.root in only)]
        limit = context.params.limit or 256
        fill(
            context.results,
            {"objects": [each.record() for each in left[:limit]], "next": left[limit - 1].name if len(left) > limit else ""},
        )

    async def remove_context(self, context: Any) -> None:
        self.need("remove", context.params.reference)
        stored = self.world.objects.pop(self.world.find(context.params.reference).root)
        self.world.tell("object", {"change": "removed", "root": stored.root, "objectName": stored.name, "bytes": stored.bytes})
        fill(context.results, {"root": stored.root, "confirmed": 12, "holders": 12})

    async def subscribe_context(self, context: Any) -> None:
        self.need("observe")
        asked = context.params
        kinds = {
            "peer": asked.peers,
            "object": asked.objects,
            "repair": asked.repair,
            "firewall": asked.firewall,
            "message": asked.messages,
        }
        subscription = Subscription({kind for kind, wanted in kinds.items() if wanted}, asked.listener)
        self.world.listeners.add(subscription)
        context.results.subscription = subscription

    async def status_context(self, context: Any) -> None:
        self.need("observe")
        fill(
            context.results,
            {
                "version": "0.0.0",
                "nodeId": 42,
                "ready": True,
                "parts": [{"part": "RPC", "up": True, "detail": "in memory"}],
                "reachability": "unknown",
            },
        )

    async def peers_context(self, context: Any) -> None:
        self.need("observe")
        fill(context.results, {"peers": [{"peerId": "12D3KooWOther", "nodeId": 7, "latencyMs": 1.5, "connected": True, "path": "direct"}]})

    async def plan_context(self, context: Any) -> None:
        self.need("observe")
        fill(
            context.results,
            {
                "stages": [
                    {"stage": "codec", "chosen": "memory", "why": "it is a test", "rejected": [{"path": "native", "why": "not here"}]}
                ],
                "notes": ["short"],
            },
        )

    async def metrics_context(self, context: Any) -> None:
        self.need("observe")
        context.results.text = "# TYPE pangea_up gauge\npangea_up 1\n"

    async def firewall_context(self, context: Any) -> None:
        self.need("observe")
        fill(context.results, self.firewall())

    def firewall(self) -> dict[str, Any]:
        return {"mode": "userspace", "allow": self.world.allow, "counters": [{"listener": "rpc", "allowed": 3, "denied": 1}]}

    async def setFirewall_context(self, context: Any) -> None:
        self.need("control")
        allow = list(context.params.allow)
        if any("/" not in each for each in allow):
            raise reason("CONFIG_INVALID", "not a block")
        self.world.allow = allow
        self.world.tell("firewall", {"change": "rules"})
        fill(context.results, self.firewall())

    def repairing(self) -> dict[str, Any]:
        return {"paused": self.world.paused, "objectsHeld": len(self.world.objects), "last": {"endedMs": 5, "objectsChecked": 1}}

    async def repair_context(self, context: Any) -> None:
        self.need("observe")
        fill(context.results, self.repairing())

    async def controlRepair_context(self, context: Any) -> None:
        self.need("control")
        action = str(context.params.action)
        self.world.paused = {"pause": True, "resume": False}.get(action, self.world.paused)
        self.world.tell("repair", {"change": {"pause": "paused", "resume": "resumed"}.get(action, "roundEnded")})
        fill(context.results, self.repairing())

    async def connectPeer_context(self, context: Any) -> None:
        self.need("control")
        context.results.peerId = "12D3KooWOther"

    async def revokePeer_context(self, context: Any) -> None:
        self.need("control")

    async def invite_context(self, context: Any) -> None:
        self.need("control")
        context.results.ticket = f"pangea-ticket:1:{context.params.uses}:{context.params.expiresInMs}"

    async def narrow_context(self, context: Any) -> None:
        asked = context.params.rights.to_dict()
        granted = {right: asked[right] and self.rights[right] for right in RIGHTS}
        granted["onlyObjects"] = asked["onlyObjects"] or self.rights["onlyObjects"]
        granted["expiresMs"] = min(filter(None, (asked["expiresMs"], self.rights["expiresMs"])), default=0)
        state = {"revoked": False}
        context.results.session = Session(self.world, granted, (*self.states, state))
        context.results.rights = granted
        context.results.revoker = Revoker(state)


class Node(Neighbour, schema.PangeaNode.Server):
    def __init__(self, world: World) -> None:
        self.world = world

    async def about_context(self, context: Any) -> None:
        fill(
            context.results,
            {
                "version": "0.0.0",
                "nodeId": 42,
                "peerId": "12D3KooWMemory",
                "isTokenNeeded": self.world.token != "",
                "maxMessageBytes": 2**27,
                "chunkBytes": CHUNK,
            },
        )

    async def login_context(self, context: Any) -> None:
        if context.params.token != self.world.token:
            raise reason("DENIED", "wrong token")
        rights = {**dict.fromkeys(RIGHTS, True), "onlyObjects": [], "expiresMs": 0}
        context.results.session = Session(self.world, rights)
        context.results.rights = rights


async def main() -> None:
    """Serves until standard input ends; with TLS when given certificate, key and the clients' authority.

    Each line of standard input sets, asks or tells something, and is answered with a line.
    """
    tls: ssl.SSLContext | None = None
    if len(sys.argv) > 1:
        certificate, key, authority = sys.argv[1:]
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
        tls.load_cert_chain(certificate, key)
        tls.verify_mode = ssl.CERT_REQUIRED
    world = await World().start(tls)
    print(world.port, flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        for name, value in order.get("set", {}).items():
            is_tree = name == "hostile_tree" and value
            setattr(world, name, [(entry, content.encode()) for entry, content in value] if is_tree else value)
        for kind, event in order.get("tell", []):
            world.tell(kind, event)
        answer = getattr(world, order["get"]) if "get" in order else None
        print(json.dumps(len(world.listeners) if order.get("get") == "listeners" else answer, default=repr), flush=True)


if __name__ == "__main__":
    asyncio.run(capnp.run(main()))
