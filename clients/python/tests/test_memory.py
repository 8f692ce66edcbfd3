"""What only a node that can be turned shows: hostile answers, failures in the middle, leaks, threads."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import MemoryService

from pangea_client import Aborted, AsyncClient, Client, Corrupt, Denied, Invalid, NotFound, PangeaError, StoreFailure, TimedOut
from pangea_client._schema import schema


def test_a_failure_in_the_middle_of_a_put(memory: MemoryService, unique: str) -> None:
    memory.set(fail_write_at=500_000)
    with memory.connect() as client:
        with pytest.raises(StoreFailure, match="STORE_FULL: no room is left"):
            client.put(bytes(20_000_000), unique)
        memory.set(fail_write_at=None)
        assert client.put(b"fine", unique).object.size == 4
        until(lambda: memory.order(get="uploads_open") == 0)


def until(condition: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_node_that_says_it_sent_more_than_came(memory: MemoryService, unique: str) -> None:
    with memory.connect() as client:
        client.put(b"12345", unique)
        memory.set(short_get=1)
        with pytest.raises(PangeaError, match="PROTOCOL: the node says that it sent 6 bytes, 5 came"):
            client.get(unique)


def test_nothing_is_left_of_what_was_given_up(memory: MemoryService, unique: str) -> None:
    with memory.connect() as client:
        for _ in range(5):
            writer = client.create(unique)
            writer.write(bytes(300_000))
            writer.abort()
        client.create(unique)
        subscription = client.subscribe("objects")
        assert memory.order(get="listeners") == 1
        subscription.close()
        client.subscribe("objects")
        until(lambda: memory.order(get="uploads_open") == 0)
        until(lambda: memory.order(get="listeners") == 0)


def test_a_slow_listener_is_told_what_it_lost(memory: MemoryService) -> None:
    with memory.connect() as client, client.subscribe("repair") as subscription:
        total = 2000
        memory.order(tell=[["repair", {"change": "restored", "root": str(each)}] for each in range(total)])
        memory.order(tell=[["repair", {"change": "paused"}]])
        seen = lost = 0
        while (event := subscription.next(10)) is not None:
            seen, lost = seen + 1, lost + event.lost
            if seen + lost >= total or event.detail.change == "paused":  # type: ignore[union-attr]
                break
            if seen == 4:
                memory.order(tell=[["repair", {"change": "paused"}]])
        assert lost > 0 and seen + lost >= total


def test_wrong_and_missing_tokens(memory: MemoryService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Denied, match="the token given: wrong token"):
        memory.connect(token="wrong")
    with memory.connect(token="") as client:
        assert client.get_all_nodes()
        with pytest.raises(Denied, match="PANGEA_RPC_TOKEN"):
            client.status()
    without = {**memory.options, "token": None}
    (tmp_path / "rpc-token").write_text("secret\n")
    with Client.connect(**without, data_dir=tmp_path) as client:
        assert client.status().version
    with pytest.raises(NotFound, match="rpc-token"):
        Client.connect(**without, data_dir=tmp_path / "none")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "pangea-node").mkdir()
    (tmp_path / "pangea-node" / "rpc-token").write_text("secret")
    with Client.connect(**without) as client:
        assert client.status().version
    monkeypatch.setenv("PANGEA_RPC_TOKEN", "wrong")
    with pytest.raises(Denied, match="the token of PANGEA_RPC_TOKEN"):
        Client.connect(**without)


def test_a_node_that_asks_for_no_token(memory: MemoryService) -> None:
    memory.set(token="")
    with memory.connect(token=None) as client:
        assert client.rights.control and client.status().version


def test_a_port_that_never_answers(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(TimedOut, match="does it expect TLS"):
            Client.connect("127.0.0.1", server.getsockname()[1], token="x", timeout=0.3)
        with pytest.raises(PangeaError):
            Client.connect("127.0.0.1", server.getsockname()[1], token="x", timeout=0.5, tls=True)
    with pytest.raises(Invalid, match="TLS files"):
        Client.connect("127.0.0.1", 1, tls=tmp_path / "none.pem")


def test_a_call_may_have_a_time_limit(memory: MemoryService) -> None:
    with memory.connect(call_timeout=0.2) as client:
        memory.set(write_delay=0.0)
        updates = client.stream_updates()
        assert next(updates).node_id == 7
        assert client.status().version
        with pytest.raises(TimedOut, match="within 0.2 s"):
            client._session.call(lambda session: asyncio.sleep(5))


def test_many_threads_share_a_client(memory: MemoryService, unique: str) -> None:
    failures: list[BaseException] = []
    with memory.connect() as client:

        def work(number: int) -> None:
            try:
                for each in range(15):
                    content = f"{number} {each}".encode() * 2000
                    result = client.put(content, f"{unique}-{number}-{each}")
                    with client.open(result.link) as read:
                        assert read.read() == content
                    with pytest.raises(NotFound):
                        client.info("nothing")
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
    assert failures == []


def test_closing_frees_who_waits(memory: MemoryService, unique: str) -> None:
    client = memory.connect()
    memory.set(write_delay=60)
    outcomes: list[BaseException] = []

    def wait(action: Any) -> None:
        try:
            action()
        except BaseException as error:
            outcomes.append(error)

    subscription = client.subscribe("objects")
    threads = [
        threading.Thread(target=wait, args=(each,)) for each in (lambda: client.put(bytes(10_000_000), unique), lambda: next(subscription))
    ]
    for each in threads:
        each.start()
    time.sleep(0.3)
    client.close()
    for each in threads:
        each.join(10)
        assert not each.is_alive()
    assert len(outcomes) == 2
    assert all(isinstance(each, (PangeaError, StopIteration)) for each in outcomes), outcomes
    client.close()
    assert not client.is_open
    with pytest.raises(Aborted, match="closed"):
        client.status()
    assert not [each for each in threading.enumerate() if each.name == "pangea-client"]


def test_inside_of_a_running_loop(memory: MemoryService) -> None:
    """As in a notebook."""

    async def main() -> None:
        with memory.connect() as client:
            assert client.status().version
        async with await AsyncClient.connect(**memory.options) as other:
            assert (await other.status()).version

    asyncio.run(main())


def test_no_cycle_holds_what_must_die_on_its_thread(memory: MemoryService, unique: str, tmp_path: Path) -> None:
    """pycapnp ends the process when its objects are collected on another thread, so none may wait for the collector."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "x").write_text("x")
    with memory.connect() as client:
        gc.collect()
        gc.disable()
        try:
            use_everything(client, unique, tmp_path)
            found: list[str] = client._session.look(lambda _: garbage_of_pycapnp())
        finally:
            gc.enable()
    assert found == []


def use_everything(client: Client, unique: str, tmp_path: Path) -> None:
    result = client.put(bytes(300_000), unique)
    client.get(result.link)
    next(client.stream(result.link))
    with client.open(result.link) as read:
        read.read(10)
        read.seek(5)
        read.read()
    with pytest.raises(KeyError), client.create(unique) as writer:
        writer.write(bytes(300_000))
        raise KeyError
    for refused in (
        lambda: client.info("none"),
        lambda: client.get("none"),
        lambda: client.open("none"),
        lambda: client.set_firewall(["x"]),
    ):
        with pytest.raises(PangeaError):
            refused()
    client.get_tree(client.put_tree(tmp_path / "tree", unique).link, tmp_path / "out")
    with client.subscribe("objects") as subscription:
        client.put(b"x", unique)
        subscription.next(10)
        with pytest.raises(TimedOut):
            subscription.next(0.01)
    session, revoker = client.narrow(read=True)
    revoker.revoke()
    with pytest.raises(Denied):
        session.get(result.link)
    client.ces_reconstruct(client.ces_process(b"x"))
    list(client.list())


def garbage_of_pycapnp() -> list[str]:
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return [repr(each) for each in gc.garbage if type(each).__module__.startswith("capnp")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def test_no_cycle_in_asyncio_either(memory: MemoryService, unique: str) -> None:
    async def main() -> list[str]:
        async with await AsyncClient.connect(**memory.options) as client:
            gc.collect()
            gc.disable()
            try:
                await use_most(client, unique)
                return garbage_of_pycapnp()
            finally:
                gc.enable()

    assert asyncio.run(main()) == []


async def use_most(client: AsyncClient, unique: str) -> None:
    result = await client.put(bytes(300_000), unique)
    await client.get(result.link)
    with contextlib.suppress(KeyError):
        async with client.create(unique) as writer:
            await writer.write(bytes(300_000))
            raise KeyError
    for refused in (client.info, client.get, client.open, client.remove):
        with contextlib.suppress(NotFound):
            await refused("none")
    async with await client.subscribe("objects") as events:
        await client.put(b"x", unique)
        await anext(events)
    session, revoker = await client.narrow(read=True)
    await revoker.revoke()
    with contextlib.suppress(Denied):
        await session.get(result.link)
    stream = client.stream(result.link)
    await anext(stream)
    del stream
    await asyncio.sleep(0.05)


def test_a_program_that_never_closes_ends(memory: MemoryService) -> None:
    program = (
        "import sys, pangea_client; c = pangea_client.Client.connect(port=int(sys.argv[1]), token='secret'); print(c.status().version)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(memory.options["port"])], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.0.0\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_after_a_fork_it_says_so(memory: MemoryService) -> None:
    program = (
        "import os, sys, pangea_client\n"
        "c = pangea_client.Client.connect(port=int(sys.argv[1]), token='secret')\n"
        "if os.fork() == 0:\n"
        "    try: c.status()\n"
        "    except RuntimeError as error: os._exit(7 if 'fork' in str(error) else 8)\n"
        "_, status = os.wait()\n"
        "print(os.waitstatus_to_exitcode(status), c.status().version)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(memory.options["port"])], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "7 0.0.0\n"), done.stderr


def test_an_unknown_code_is_still_an_error(memory: MemoryService) -> None:
    from pangea_client.errors import error_from_reason, exit_codes

    assert type(error_from_reason("NOT_FOUND: gone")) is NotFound
    assert isinstance(error_from_reason("CORRUPT: bad"), Corrupt)
    odd = error_from_reason("FUTURE_CODE: what\nlines")
    assert (odd.code, odd.exit_code) == ("INTERNAL", 70)
    assert all(code.isupper() for code in exit_codes)


def test_the_records_are_the_schemas_structs() -> None:
    from pangea_client import records
    from pangea_client._wire import Record, _shape, read

    other_names = {"RemoveResult": "RemoveResponse", "GetResult": "GetResponse", "TreeResult": "GetTreeResponse"}
    kinds = [each for each in vars(records).values() if isinstance(each, type) and issubclass(each, Record) and each is not Record]
    assert len(kinds) > 25
    for kind in kinds:
        struct = getattr(schema, other_names.get(kind.__name__, kind.__name__))
        assert set(_shape(kind)) == set(struct.schema.fieldnames), kind
        if kind is not records.ConfigData:
            read(kind, struct.new_message().as_reader()).to_dict()
