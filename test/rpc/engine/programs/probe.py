"""Calls the probe over TCP with pycapnp, the C++ implementation. Prints one line per case; exit 0 when all hold.

usage: probe.py PORT [speed SECONDS]
"""
import asyncio
import gc
import os
import sys
import time

import capnp

capnp.remove_import_hook()
# Where the standard files lie: in the package, or where the system has them.
standard = [os.path.dirname(os.path.dirname(capnp.__file__)), "/usr/include"]
schema = capnp.load(os.path.join(os.path.dirname(__file__), "probe.capnp"), imports=standard)
MIB = 1024 * 1024


async def connect(port):
    stream = await capnp.AsyncIoStream.create_connection("127.0.0.1", port)
    client = capnp.TwoPartyClient(stream, traversal_limit_in_words=2**31)
    return client, client.bootstrap().cast_as(schema.Probe)


async def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, "not reached in time"
        await asyncio.sleep(0.01)


async def counts(probe):
    gc.collect()
    found = await probe.counts()
    return found.unanswered - 1, found.exported, found.imported, found.cancelled


class Listener(schema.Listener.Server):
    def __init__(self, heard):
        self.heard = heard

    async def event(self, number, _context, **kwargs):
        self.heard.append(number)


async def echo(probe):
    for size in (0, 1, 1000, MIB, 16 * MIB, 64 * MIB):
        data = os.urandom(size)
        answer = await probe.echo(size, data)
        assert answer.number == size and answer.bytes == data, size


async def in_flight(probe):
    for _ in range(5):
        answers = await asyncio.gather(*(probe.echo(number, b"x" * number) for number in range(64)))
        assert [answer.number for answer in answers] == list(range(64))


async def pipelining(probe):
    # On answers that are not there yet, two deep.
    child = probe.slowChild(30).child
    grandchild = child.slowChild(30).child
    answer = await grandchild.echo(9, b"deep")
    assert answer.number == 9 and answer.bytes == b"deep"
    broken = probe.fail(0, "no child")
    try:
        await broken
        raise SystemExit("a failing call has returned")
    except capnp.KjException as error:
        assert "DENIED: no child" in str(error), error


async def callbacks(probe):
    heard = []
    await probe.hold([Listener(heard)])
    assert (await probe.fire(4)).number == 4

    async def arrived():
        return heard == [4]

    await until(arrived)
    await probe.drop()


async def exceptions(probe):
    for call, kind, text in ((probe.fail(0, "not you"), "FAILED", "DENIED: not you"), (probe.fail(1, ""), "FAILED", "INTERNAL: the call failed")):
        try:
            await call
            raise SystemExit("no exception")
        except capnp.KjException as error:
            assert text in str(error) and error.type == kind and "secret" not in str(error), (str(error), error.type)
    try:
        await probe.cast_as(schema.Listener).event(1)
        raise SystemExit("no exception")
    except capnp.KjException as error:
        assert error.type == "UNIMPLEMENTED", error.type


async def cancelling(probe):
    before = (await counts(probe))[3]
    for _ in range(3):
        calls = [asyncio.ensure_future(wait(probe)) for _ in range(20)]

        async def begun():
            return (await counts(probe))[0] == 20

        await until(begun)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

        async def ended():
            return (await counts(probe))[0] == 0

        await until(ended)
    # Before it has begun, and with a call on its results.
    for _ in range(10):
        first = probe.slowChild(20)
        second = first.child.echo(1, b"")
        del first, second

    async def gone():
        return await counts(probe) == (0, 0, 0, before + 60)

    await until(gone)
    # The caller's table goes on to work: as many calls again as were given up.
    await in_flight(probe)


async def wait(probe):
    await probe.never()


async def releasing(probe):
    heard = []
    listeners = [Listener(heard) for _ in range(200)]
    await probe.hold(listeners)
    assert (await counts(probe))[2] == 200
    await probe.fire(1)

    async def all_heard():
        return len(heard) == 200

    await until(all_heard)
    await probe.drop()
    children = [(await probe.slowChild(0)).child for _ in range(200)]
    assert (await counts(probe))[1] == 200
    await asyncio.gather(*(child.echo(1, b"") for child in children))
    del children, listeners

    async def none_left():
        return (await counts(probe))[:3] == (0, 0, 0)

    await until(none_left)


async def streaming(probe):
    child = (await probe.slowChild(0)).child
    for number in range(100):
        await child.write(number, b"x" * 10000)
    written = await child.written()
    assert written.number == 100 and written.inOrder


async def speed(probe, seconds):
    for depth in (1, 64):
        done = 0

        async def loop():
            nonlocal done
            while time.monotonic() < end:
                await probe.fire(1)
                done += 1

        start = time.monotonic()
        end = start + seconds
        await asyncio.gather(*(loop() for _ in range(depth)))
        print(f"calls/s {depth} {done / (time.monotonic() - start):.0f}", flush=True)
    data = os.urandom(16 * MIB)
    start, rounds = time.monotonic(), 0
    while time.monotonic() < start + seconds:
        await probe.echo(0, data)
        rounds += 1
    print(f"echo MiB/s {16 * rounds / (time.monotonic() - start):.0f}", flush=True)


async def main():
    port = int(sys.argv[1])
    client, probe = await connect(port)
    if len(sys.argv) > 2:
        return await speed(probe, float(sys.argv[3]))
    for case in (echo, in_flight, pipelining, callbacks, exceptions, cancelling, releasing, streaming):
        await asyncio.wait_for(case(probe), 60)
        print(f"ok {case.__name__}", flush=True)
    # Disconnects in the middle: of calls, of a message, of nothing.
    for _ in range(20):
        other, another = await connect(port)
        calls = [asyncio.ensure_future(wait(another)) for _ in range(5)]
        await asyncio.sleep(0.002)
        del other, another
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\0\0\0\0\x10\0\0\0\0\0\0\0")
    await writer.drain()
    writer.close()
    await asyncio.wait_for(in_flight(probe), 60)
    print("ok disconnecting", flush=True)


asyncio.run(capnp.run(main()))
