"""Every method of a session, and what a session may not do."""
import asyncio
import time

from pangea import Sink, connect, options, pattern, put, refused, run, schema


class TreeSink(schema.TreeSink.Server):
    def __init__(self):
        self.entries = []
        self.is_done = False

    async def entry(self, path, type, target, **_):
        self.entries.append([path, str(type), target, b""])

    async def write(self, chunk, **_):
        self.entries[-1][3] += bytes(chunk)

    async def done(self, **_):
        self.is_done = True


class Listener(schema.EventListener.Server):
    def __init__(self):
        self.events = []

    # Not `event`: pycapnp would read every member of the union to pass it by name.
    async def event_context(self, context):
        event = context.params
        self.events.append((event.sequence, event.lost, str(event.which())))


async def main():
    _, node = await connect()
    about = await node.about()
    assert about.isTokenNeeded and about.nodeId == 7 and about.chunkBytes == 1 << 20, about

    # Nothing of this chain waits for an answer before the next call is sent.
    login = node.login(token=options["token"])
    session = login.session
    data = pattern(3_000_001)
    stored = await put(session, "one", data, mediaType="text/plain", acknowledge="some", expectedBytes=len(data), requestId="r1")
    assert stored.object.bytes == len(data) and stored.object.objectName == "one" and stored.acknowledge == "some", stored
    rights = (await login).rights
    assert rights.read and rights.write and rights.remove and rights.observe and rights.control and rights.expiresMs == 0
    root = stored.object.root

    sink = Sink()
    got = await session.get(reference=root, sink=sink)
    assert sink.content() == data and sink.is_done and got.bytes == len(data) and got.mediaType == "text/plain", got
    part = Sink()
    await session.get(reference="one", offset=1_000_000, length=500_000, sink=part)
    assert part.content() == data[1_000_000:1_500_000]

    # Uploads that are not what they said, or are given up.
    await refused(put(session, "short", b"abc", expectedBytes=4), "PROTOCOL")
    await refused(put(session, "refused", pattern(20_000_000)), "NOT_ENOUGH_PEERS")
    await refused(put(session, "large chunk", pattern(5 << 20), chunk=5 << 20), "TOO_LARGE")
    given_up = session.put(objectName="given up").upload
    await given_up.write(b"half")
    del given_up

    # Nothing can be added to what was finished.
    finished = session.put(objectName="finished").upload
    await finished.finish()
    await refused(finished.write(b"more"), "USAGE")

    # Trees.
    tree = session.putTree(objectName="tree").upload
    await tree.entry(path="d", type="directory", mode=0o755)
    await tree.entry(path="d/a", type="file", mode=0o644, bytes=6)
    await tree.write(b"abc")
    await tree.write(b"def")
    await tree.entry(path="l", type="symlink", target="d/a")
    planted = await tree.finish()
    assert planted.object.kind == "directory", planted
    leaves = TreeSink()
    got_tree = await session.getTree(reference="tree", sink=leaves)
    assert leaves.entries == [["d", "directory", "", b""], ["d/a", "file", "", b"abcdef"], ["l", "symlink", "d/a", b""]], leaves.entries
    assert leaves.is_done and got_tree.entries == 3 and got_tree.bytes == 6

    # The catalogue.
    info = await session.info(reference="one")
    assert info.object.root == root and info.shardsTotal == 12
    for index in range(5):
        await put(session, f"page {index}", bytes([index]))
    names, after = [], ""
    while True:
        page = await session.list(pattern="page", limit=2, after=after)
        names += [each.objectName for each in page.objects]
        after = page.next
        if not after:
            break
    assert names == [f"page {index}" for index in range(5)], names
    assert "given up" not in [each.objectName for each in (await session.list()).objects]
    await refused(session.info(reference="absent"), "NOT_FOUND")
    await refused(session.info(reference=""), "USAGE")

    # Events, through a listener of ours, after `subscribe` has returned.
    listener = Listener()
    subscription = (await session.subscribe(objects=True, repair=True, listener=listener)).subscription
    await put(session, "noticed", b"x")
    removed = await session.remove(reference="noticed")
    assert removed.confirmed == 12
    paused = await session.controlRepair(action="pause")
    assert paused.paused and (await session.repair()).paused
    assert (await session.controlRepair(action="runOnce")).last.endedMs > 0
    until = time.monotonic() + 10
    while len(listener.events) < 4 and time.monotonic() < until:
        await asyncio.sleep(0.01)
    assert [each[2] for each in listener.events] == ["object", "object", "repair", "repair"], listener.events
    assert [each[0] for each in listener.events] == [1, 2, 3, 4] and all(each[1] == 0 for each in listener.events)
    del subscription

    # The node about itself.
    status = await session.status()
    assert status.nodeId == 7 and status.ready and status.peersKnown == 1, status
    peers = (await session.peers()).peers
    assert [peer.nodeId for peer in peers] == [8] and peers[0].path == "direct"
    assert list((await session.plan()).notes) == ["in memory"]
    assert "pangea_objects_catalogue" in (await session.metrics()).text
    assert list((await session.setFirewall(allow=["10.0.0.0/8"])).allow) == ["10.0.0.0/8"]
    await refused(session.setFirewall(allow=["nonsense"]), "CONFIG_INVALID")
    assert list((await session.firewall()).allow) == ["10.0.0.0/8"]
    assert (await session.invite(uses=2)).ticket == "ticket for 2"
    assert (await session.connectPeer(address="127.0.0.1:9008")).peerId == peers[0].peerId
    await refused(session.connectPeer(address="127.0.0.1:1"), "PEER_UNREACHABLE")

    # Narrowing: only less, chains included.
    other = (await session.list(pattern="page 0")).objects[0].root
    reader = await session.narrow(rights={"read": True, "observe": True, "onlyObjects": [root]})
    assert reader.rights.read and not reader.rights.write and list(reader.rights.onlyObjects) == [root]
    narrow = reader.session
    seen = Sink()
    await narrow.get(reference="one", length=10, sink=seen)
    assert seen.content() == data[:10]
    assert [each.root for each in (await narrow.list()).objects] == [root]
    await refused(narrow.get(reference=other, sink=Sink()), "DENIED")
    await refused(narrow.info(reference="page 0"), "DENIED")
    await refused(put(narrow, "no", b"no"), "DENIED")
    await refused(narrow.remove(reference=root), "DENIED")
    await refused(narrow.controlRepair(action="resume"), "DENIED")
    widened = await narrow.narrow(rights={"read": True, "write": True, "control": True})
    assert not widened.rights.write and not widened.rights.control and list(widened.rights.onlyObjects) == [root]
    nobody = await narrow.narrow(rights={"read": True, "onlyObjects": [other]})
    assert not nobody.rights.read
    await refused(nobody.session.info(reference=other), "DENIED")
    writer = (await session.narrow(rights={"write": True})).session
    await put(writer, "written", b"w")
    await refused(put(writer, "written", b"w", requestId="r1"), "DENIED")
    await refused(writer.list(), "DENIED")
    await refused(session.narrow(rights={"read": True, "onlyObjects": ["not a root"]}), "USAGE")

    # Revoking ends what was narrowed from it, and what goes on under it.
    slow = Sink(hang_after=1)
    going = asyncio.ensure_future(widened.session.get(reference=root, sink=slow))
    quiet = (await narrow.subscribe(objects=True, listener=Listener())).subscription
    while slow.bytes == 0:
        await asyncio.sleep(0.01)
    await reader.revoker.revoke()
    await refused(going, "DENIED")
    await refused(narrow.info(reference=root), "DENIED")
    await refused(widened.session.info(reference=root), "DENIED")
    await session.info(reference=root)
    del quiet

    # A session that expires.
    brief = (await session.narrow(rights={"read": True, "expiresMs": int(time.time() * 1000) + 300})).session
    await brief.info(reference=root)
    await asyncio.sleep(0.4)
    await refused(brief.info(reference=root), "DENIED")
    await refused(brief.narrow(rights={"read": True}), "DENIED")
    return {"root": root}


run(main)
