"""What the programs share: the schema, a connection, a sink that collects, and how a program reports."""
import asyncio
import json
import os
import sys

import capnp

capnp.remove_import_hook()
here = os.path.dirname(os.path.abspath(__file__))
# Without the folder that holds capnp/stream.capnp a `-> stream` method ends the process.
schema = capnp.load(os.path.join(here, "../../../schema/pangea.capnp"), imports=[os.path.dirname(os.path.dirname(capnp.__file__))])
options = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}


async def connect(tls=None):
    stream = await capnp.AsyncIoStream.create_connection("127.0.0.1", options["port"], ssl=tls)
    # Without a limit of its own a client neither sends nor takes messages beyond 64 MiB.
    client = capnp.TwoPartyClient(stream, traversal_limit_in_words=(128 << 20) // 8)
    return client, client.bootstrap().cast_as(schema.PangeaNode)


class Sink(schema.ByteSink.Server):
    def __init__(self, fail_after=None, hang_after=None):
        self.parts = []
        self.bytes = 0
        self.is_done = False
        self.fail_after = fail_after
        self.hang_after = hang_after

    async def write(self, chunk, **_):
        self.bytes += len(chunk)
        self.parts.append(bytes(chunk))
        if self.fail_after is not None and self.bytes >= self.fail_after:
            raise RuntimeError("the disk is full")
        if self.hang_after is not None and self.bytes >= self.hang_after:
            await asyncio.Event().wait()

    async def done(self, **_):
        self.is_done = True

    def content(self):
        return b"".join(self.parts)


async def refused(call, code):
    """The reason with which a call is refused begins with the code."""
    try:
        await call
    except capnp.KjException as error:
        assert f"{code}: " in str(error), f"{code} expected: {error}"
        return
    raise AssertionError(f"{code} expected")


async def put(session, name, data, chunk=1 << 20, **more):
    upload = session.put(objectName=name, **more).upload
    for at in range(0, len(data), chunk):
        await upload.write(data[at:at + chunk])
    return await upload.finish()


def pattern(size):
    block = bytes(range(251)) * 4096
    return (block * (size // len(block) + 1))[:size]


def run(main):
    async def timed():
        report = await asyncio.wait_for(main(), options.get("seconds", 60))
        print(json.dumps(report or {}))

    asyncio.run(capnp.run(timed()))
