"""The Python client of the bench: one JSON request a line on stdin, one JSON reply a line on stdout.

`serve-raw` instead makes it the other end of a plain socket, for the rate that loopback gives to this language without RPC.
"""

import asyncio
import json
import os
import socket
import struct
import sys
import time

RAW_HEAD = struct.Struct("<QQQ")  # 0 sends and 1 wants, how many bytes, in chunks of which size
WINDOW = 8  # writes under way: pycapnp waits for each by itself


def load():
    import capnp

    schema = os.path.join(os.path.dirname(__file__), "..", "..", "..", "schema", "pangea.capnp")
    # Without its own copy of capnp/stream.capnp on the path, pycapnp aborts the process.
    return capnp, capnp.load(schema, imports=[os.path.dirname(os.path.dirname(capnp.__file__))])


class Client:
    def __init__(self, capnp, schema, stream):
        self.schema = schema
        self.rpc = capnp.TwoPartyClient(stream, traversal_limit_in_words=2**26)
        self.node = self.rpc.bootstrap().cast_as(schema.PangeaNode)

    async def calls(self, asked, call):
        await call()
        done = 0
        start = time.perf_counter()
        until = start + asked["ms"] / 1000

        async def worker():
            nonlocal done
            while time.perf_counter() < until:
                await call()
                done += 1

        await asyncio.gather(*(worker() for _ in range(asked["inFlight"])))
        return done, time.perf_counter() - start

    async def about(self, asked):
        return await self.calls(asked, lambda: self.node.about())

    async def getNode(self, asked):
        return await self.calls(asked, lambda: self.node.getNode(query={"nodeId": 1}))

    async def echo(self, asked):
        piece = bytes(asked["bytes"] // 8)
        shards = [{"index": row, "data": piece if row < 8 else b""} for row in range(12)]

        async def call():
            answer = await self.node.cesReconstruct(request={"shards": shards, "shardPresent": [row < 8 for row in range(12)]})
            if len(answer.response.data) != asked["bytes"]:
                raise ValueError(f"{len(answer.response.data)} bytes came back: {answer.response.errorMsg}")

        done, seconds = await self.calls(asked, call)
        return done * asked["bytes"], seconds

    async def put(self, asked):
        session = self.node.login(token=asked.get("token", "")).session
        chunk = bytes(asked["chunk"])
        start = time.perf_counter()
        upload = session.put(objectName="bench").upload
        under_way = []
        for _ in range(asked["bytes"] // asked["chunk"]):
            if len(under_way) == WINDOW:
                await under_way.pop(0)
            under_way.append(upload.write(chunk))
        for each in under_way:
            await each
        result = await upload.finish()
        if result.object.bytes != asked["bytes"]:
            raise ValueError(f"{result.object.bytes} bytes arrived")
        return asked["bytes"], time.perf_counter() - start, result.object.link

    async def get(self, asked):
        session = self.node.login(token=asked.get("token", "")).session
        received = 0

        class Sink(self.schema.ByteSink.Server):
            async def write(self, chunk, **_):
                nonlocal received
                received += len(chunk)

            async def done(self, **_):
                pass

        start = time.perf_counter()
        answer = await session.get(reference=asked["link"], length=asked["bytes"], sink=Sink())
        if answer.bytes != asked["bytes"] or received != asked["bytes"]:
            raise ValueError(f"{received} bytes came")
        return received, time.perf_counter() - start


def raw(asked):
    host, port = asked["address"].rsplit(":", 1)
    with socket.create_connection((host, int(port))) as plain:
        wants = asked["op"] == "raw-get"
        start = time.perf_counter()
        plain.sendall(RAW_HEAD.pack(wants, asked["bytes"], asked["chunk"]))
        received = receive(plain, asked["bytes"], asked["chunk"]) if wants else send(plain, asked["bytes"], asked["chunk"])
        if received != asked["bytes"]:
            raise ValueError(f"{received} bytes came")
        return received, time.perf_counter() - start


def send(plain, count, chunk):
    piece = bytes(chunk)
    for _ in range(count // chunk):
        plain.sendall(piece)
    return struct.unpack("<Q", plain.recv(8, socket.MSG_WAITALL))[0]


def receive(plain, count, chunk):
    into = bytearray(chunk)
    received = 0
    while received < count:
        got = plain.recv_into(into)
        if got == 0:
            break
        received += got
    return received


def serve_raw():
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(json.dumps({"port": server.getsockname()[1]}), flush=True)
        while True:
            plain, _ = server.accept()
            with plain:
                head = plain.recv(RAW_HEAD.size, socket.MSG_WAITALL)
                if len(head) < RAW_HEAD.size:
                    continue
                wants, count, chunk = RAW_HEAD.unpack(head)
                if wants:
                    piece = bytes(chunk)
                    for _ in range(count // chunk):
                        plain.sendall(piece)
                else:
                    plain.sendall(struct.pack("<Q", receive(plain, count, chunk)))


async def measure(asked):
    if asked["op"].startswith("raw-"):
        return raw(asked)
    capnp, schema = load()
    host, port = asked["address"].rsplit(":", 1)
    async with capnp.kj_loop():
        stream = await capnp.AsyncIoStream.create_connection(host=host, port=int(port))
        return await getattr(Client(capnp, schema, stream), asked["op"])(asked)


def main():
    if sys.argv[1:] == ["serve-raw"]:
        serve_raw()
    for line in sys.stdin:
        try:
            done, seconds, *link = asyncio.run(measure(json.loads(line)))
            answer = {"done": done, "seconds": seconds, "link": link[0] if link else ""}
        except Exception as error:  # noqa: BLE001: whatever it is, the bench is told
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
