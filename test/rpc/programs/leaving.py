"""Calls given up, capabilities released, and a connection that ends in the middle of everything."""
import asyncio
import gc

from pangea import Sink, connect, options, pattern, put, refused, run, schema


class Listener(schema.EventListener.Server):
    async def event_context(self, context):
        pass


async def main():
    _, node = await connect()
    session = node.login(token=options["token"]).session
    stored = await put(session, "large", pattern(48 << 20))
    root = stored.object.root

    # A get whose client finishes early: nothing more comes.
    sink = Sink(hang_after=4 << 20)
    going = asyncio.ensure_future(session.get(reference=root, sink=sink))
    while sink.bytes < 4 << 20:
        await asyncio.sleep(0.01)
    going.cancel()
    await asyncio.sleep(0.3)
    before = sink.bytes
    await asyncio.sleep(0.3)
    assert sink.bytes == before <= 20 << 20, sink.bytes

    # A sink that fails ends the get with its reason.
    full = Sink(fail_after=2 << 20)
    await refused(session.get(reference=root, sink=full), "PEER_REFUSED")

    # A hundred waits, all given up.
    waits = [asyncio.ensure_future(node.streamUpdates()) for _ in range(100)]
    await asyncio.sleep(0.2)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)

    # 200 capabilities, released; then there is room for 200 more.
    for _ in range(2):
        kept = [await session.narrow(rights={"read": True}) for _ in range(200)]
        assert all(each.rights.read for each in kept)
        del kept
        gc.collect()
        await asyncio.sleep(0.3)

    # Limits, and that they are given back.
    uploads = [session.put(objectName=f"open {index}").upload for index in range(64)]
    for upload in uploads:
        await upload.write(b"x")
    await refused(session.put(objectName="one too many"), "TOO_MANY")
    del uploads, upload
    gc.collect()
    await asyncio.sleep(0.3)
    await put(session, "there is room again", b"x")

    # And now everything at once, left without a word.
    subscription = (await session.subscribe(objects=True, listener=Listener())).subscription
    upload = session.put(objectName="left").upload
    await upload.write(pattern(1 << 20))
    hanging = Sink(hang_after=1)
    leaving = asyncio.ensure_future(session.get(reference=root, sink=hanging))
    waiting = asyncio.ensure_future(node.streamUpdates())
    while hanging.bytes == 0:
        await asyncio.sleep(0.01)
    print('{"left": true}', flush=True)
    import os
    os._exit(0)


run(main)
