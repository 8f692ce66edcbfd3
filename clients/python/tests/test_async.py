"""The asyncio client: the same node, on the caller's own loop."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import capnp
import pytest
from conftest import MemoryService, Service

from pangea_client import AsyncClient, Denied, Event, NotFound, PangeaError, Unreachable

big = os.urandom(3 * 1024 * 1024 + 5)


def run(service: Service, body: Callable[[AsyncClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), await AsyncClient.connect(**service.options) as client:
            await body(client)

    asyncio.run(main())


def test_objects(service: Service, unique: str, tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(big), 100_000):
            await asyncio.sleep(0)
            yield big[at : at + 100_000]

    async def body(client: AsyncClient) -> None:
        seen: list[int] = []
        result = await client.put(chunks(), unique, progress=lambda done, total: seen.append(done))
        assert seen[-1] == len(big)
        assert await client.get(result.link) == big
        assert await client.get(result.link, offset=5, length=70_000) == big[5:70_005]
        (tmp_path / "file").write_bytes(big)
        from_path = await client.put(tmp_path / "file", f"{unique}-2")
        assert (await client.get(from_path.link, into=tmp_path / "copy")).size == len(big)
        assert (tmp_path / "copy").read_bytes() == big
        async with client.create(f"{unique}-3") as writer:
            await writer.write(b"abc")
            await writer.write(memoryview(big))
        assert writer.result is not None and writer.result.object.size == len(big) + 3
        async with await client.open(result.link) as reader:
            assert await reader.read(7) == big[:7]
            reader.seek(-7, os.SEEK_END)
            assert await reader.read() == big[-7:]
        assert {each.name async for each in client.list(unique)} == {unique, f"{unique}-2", f"{unique}-3"}
        with pytest.raises(KeyError):
            async with client.create(f"{unique}-4") as writer:
                await writer.write(big)
                raise KeyError
        with pytest.raises(NotFound):
            await client.info(f"{unique}-4")
        (tmp_path / "tree" / "sub").mkdir(parents=True)
        (tmp_path / "tree" / "sub" / "x").write_bytes(big)
        tree = await client.put_tree(tmp_path / "tree", unique + "-tree")
        await client.get_tree(tree.link, tmp_path / "laid")
        assert (tmp_path / "laid" / "sub" / "x").read_bytes() == big

    run(service, body)


def test_sixty_four_calls_at_once(service: Service, unique: str) -> None:
    async def body(client: AsyncClient) -> None:
        results = await asyncio.gather(*(client.put(f"{unique} {each}".encode(), f"{unique}-{each}") for each in range(64)))
        contents = await asyncio.gather(*(client.get(each.link) for each in results))
        assert contents == [f"{unique} {each}".encode() for each in range(64)]

    run(service, body)


def test_a_cancelled_put_leaves_nothing(service: Service, unique: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)
            await asyncio.sleep(0.001)

    async def body(client: AsyncClient) -> None:
        put = asyncio.create_task(client.put(endless(), unique))
        await asyncio.sleep(0.3)
        put.cancel()
        with pytest.raises(asyncio.CancelledError):
            await put
        assert [each async for each in client.list(unique)] == []
        assert (await client.put(b"after", unique)).object.size == 5

    run(service, body)


def test_events(service: Service, unique: str) -> None:
    async def body(client: AsyncClient) -> None:
        seen: list[Event] = []
        came = asyncio.Event()

        async def callback(event: Event) -> None:
            seen.append(event)
            came.set()

        to_callback = await client.subscribe("objects", callback=callback)
        async with await client.subscribe("objects") as events:
            result = await client.put(b"x", unique)
            event = await anext(events)
            assert event.kind == "object" and event.to_dict()["object"]["root"] == result.root
        await came.wait()
        await to_callback.aclose()
        await client.put(b"y", unique)
        assert len(seen) == 1
        broken = await client.subscribe("objects", callback=lambda event: 1 // 0)  # type: ignore[arg-type,return-value]
        await client.put(b"z", unique)
        with pytest.raises(ZeroDivisionError):
            await broken.wait_closed()

    run(service, body)


def test_a_session_handed_on_over_capnproto(service: Service, unique: str) -> None:
    async def body(client: AsyncClient) -> None:
        link = (await client.put(b"shared", unique)).link
        narrowed = await client.narrow(read=True)
        # What another program would do with the capability itself.
        info = await narrowed.session.capability.info(reference=link)
        assert info.object.objectName == unique
        await narrowed.revoker.revoke()
        with pytest.raises(Denied):
            await narrowed.session.info(link)
        narrowed.session.release()
        with pytest.raises(PangeaError, match="released"):
            await narrowed.session.info(link)

    run(service, body)


def test_two_clients_of_one_loop_end_one_after_the_other(service: Service) -> None:
    async def main() -> None:
        first = await AsyncClient.connect(**service.options)
        second = await AsyncClient.connect(**service.options)
        await first.close()
        await first.close()
        assert not first.is_open
        with pytest.raises(PangeaError):
            await first.status()
        assert (await second.status()).version
        await second.close()
        async with await AsyncClient.connect(**service.options) as third:
            assert (await third.status()).version

    asyncio.run(main())


def test_inside_of_a_program_with_its_own_kj_loop(service: Service) -> None:
    async def main() -> None:
        async with await AsyncClient.connect(**service.options) as client:
            assert (await client.status()).version
        stream = await capnp.AsyncIoStream.create_connection(service.options["host"], service.options["port"])
        stream.close()

    asyncio.run(capnp.run(main()))


def test_a_forgotten_client_is_warned_about(memory: MemoryService) -> None:
    async def main() -> None:
        client: Any = await AsyncClient.connect(**memory.options)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del client
        assert any("never closed" in str(each.message) for each in caught)

    asyncio.run(main())


def test_a_lost_connection_is_told_to_everybody() -> None:
    service = MemoryService()

    async def main() -> None:
        async with asyncio.timeout(20):
            client = await AsyncClient.connect(**service.options)
            events = await client.subscribe("objects")
            service.set(write_delay=60)
            put = asyncio.create_task(client.put(bytes(5_000_000), "x"))
            await asyncio.sleep(0.2)
            service.process.kill()
            with pytest.raises(Unreachable):
                await anext(events)
            with pytest.raises(Unreachable):
                await put
            with pytest.raises(Unreachable, match="connect again"):
                await client.status()
            await client.close()
            await asyncio.to_thread(service.process.wait)
            with pytest.raises(Unreachable, match="no node answers"):
                await AsyncClient.connect(**service.options)

    try:
        asyncio.run(main())
    finally:
        service.process.kill()
        service.process.communicate()
