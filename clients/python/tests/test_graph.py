"""The realtime graph, against a real node that serves one (`--graph-addr`)."""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Service

from pangea_client import (
    AsyncClient,
    Client,
    Denied,
    Graph,
    GraphNode,
    Link,
    PangeaError,
    TimedOut,
    Unreachable,
)
from pangea_client.graph import Value


@pytest.fixture
def real(request: pytest.FixtureRequest) -> Service:
    address = os.environ.get("PANGEA_TEST_ADDRESS")
    if not address:
        pytest.skip("no real node: set PANGEA_TEST_ADDRESS and PANGEA_TEST_DATA_DIR")
    service = Service(address, data_dir=os.environ["PANGEA_TEST_DATA_DIR"])
    with service.connect() as client:
        if not client.graph().status().is_on:
            pytest.skip("the node serves no graph: start it with --graph-addr")
    return service


@pytest.fixture
def client(real: Service) -> Iterator[Client]:
    with real.connect() as client:
        yield client


@pytest.fixture
def graph(client: Client) -> Graph:
    return client.graph()


def test_values_come_back_as_they_were(graph: Graph, unique: str) -> None:
    fields: dict[str, Value] = {
        "text": "Grüße \U0001f44b", "empty": "", "whole": 3, "negative": -2.5, "large": 1e300, "yes": True, "no": False, "gone": None,
        "next": Link("other"),
    }  # fmt: skip
    put = graph.put(unique, fields)
    assert put.stored == "disk" and put.state > 1e12
    node = graph.get(unique)
    assert node == fields and node is not None
    assert list(node) == sorted(fields) and node.soul == unique and set(node.states.values()) == {put.state}
    assert type(node["whole"]) is int and type(node["yes"]) is bool and type(node["negative"]) is float
    assert json.loads(json.dumps(node.to_dict()))["next"] == {"#": "other"}
    assert graph.value(unique, "negative") == -2.5
    assert graph.value(unique, "absent", wait=0) is None
    assert graph.get(f"{unique}/absent", wait=0) is None
    assert graph.put(unique, {"yes": None}).state > put.state
    assert graph.value(unique, "yes") is None


@pytest.mark.parametrize("value", [2**53 + 1, b"bytes", [1], {"#": "x"}, object()])
def test_what_is_no_value_is_refused_here(graph: Graph, unique: str, value: Any) -> None:
    with pytest.raises(ValueError, match="field 'x'"):
        graph.put(unique, {"x": value})
    assert graph.get(unique, wait=0) is None


@pytest.mark.parametrize("fields", [{}, {"": 1}, {"_": 1}, {"x": math.nan}, {"x": Link("")}])
def test_what_cannot_be_in_a_graph_is_refused_there(graph: Graph, unique: str, fields: dict[str, Value]) -> None:
    with pytest.raises(ValueError, match="USAGE"):
        graph.put(unique, fields)
    assert graph.get(unique, wait=0) is None


def test_large_nodes_and_ranges(graph: Graph, unique: str) -> None:
    keys = [f"k{index:05}" for index in range(9_000)]
    for at in range(0, len(keys), 4_000):
        graph.put(unique, {key: at + index for index, key in enumerate(keys[at : at + 4_000])})
    whole = graph.get(unique)
    assert whole is not None and list(whole) == keys and list(whole.values()) == list(range(9_000))
    assert graph.get(unique, prefix="k0123", start="k01235", end="k01237") == {"k01235": 1235, "k01236": 1236, "k01237": 1237}
    with pytest.raises(PangeaError, match="TOO_MANY"):
        graph.put(unique, dict.fromkeys(keys, 0))
    with graph.watch(unique, whole=True) as watch:
        assert next(watch).fields == whole
        graph.put(unique, {keys[5]: "changed"})
        assert next(watch).fields == {**whole, keys[5]: "changed"}


def test_souls_page_by_page(graph: Graph, unique: str) -> None:
    souls = [f"{unique}/{index:03}" for index in range(25)]
    for soul in reversed(souls):
        graph.put(soul, {"x": 1})
    assert list(graph.souls(unique, page=10)) == souls
    assert unique not in graph.souls(f"{unique}/")


def test_a_watch_tells_what_is_then_what_changes(graph: Graph, unique: str) -> None:
    graph.put(unique, {"a": 1, "b": 2})
    watch = graph.watch(unique)
    first = watch.next(10)
    assert first is not None and (first.soul, first.origin, first.sequence, first.fields) == (unique, "now", 1, {"a": 1, "b": 2})
    graph.put(unique, {"b": Link("x")})
    second = watch.next(10)
    assert second is not None and (second.origin, second.fields, second.lost) == ("local", {"b": Link("x")}, 0)
    with pytest.raises(TimedOut):
        watch.next(0.2)
    graph.put(unique, {"c": "later"})
    third = watch.next(10)
    assert third is not None and third.fields == {"c": "later"}
    threading.Timer(0.2, watch.close).start()
    assert list(watch) == []


def test_a_prefix_is_watched_whole(graph: Graph, unique: str) -> None:
    graph.put(f"{unique}/1", {"a": 1})
    with graph.watch(prefix=f"{unique}/", whole=True) as watch:
        assert next(watch).fields == {"a": 1}
        graph.put(f"{unique}/2", {"b": 1})
        graph.put(f"{unique}/1", {"b": 2})
        told = {change.soul: change.fields for change in (next(watch), next(watch))}
        assert told == {f"{unique}/2": {"b": 1}, f"{unique}/1": {"a": 1, "b": 2}}


def test_a_slow_reader_gets_the_newest_of_each_field(graph: Graph, unique: str) -> None:
    with graph.watch(unique) as watch:
        for round_ in range(30):
            graph.put(unique, {f"k{index}": round_ for index in range(1_000)})
        graph.put(unique, {"last": True})
        seen = GraphNode(unique)
        for change in watch:
            seen.update(change.fields)
            if "last" in seen:
                break
    assert {seen[f"k{index}"] for index in range(1_000)} == {29}


def test_rights(client: Client, graph: Graph, unique: str) -> None:
    graph.put(unique, {"a": 1})
    reader, revoker = client.narrow(read=True)
    assert reader.graph().get(unique) == {"a": 1}
    with pytest.raises(Denied):
        reader.graph().put(unique, {"a": 2})
    with pytest.raises(Denied):
        reader.graph().status()
    with pytest.raises(Denied, match="objects"):
        client.narrow(read=True, write=True, only_objects=["0" * 64]).session.graph().get(unique)
    watch = reader.graph().watch(unique)
    assert next(watch).fields == {"a": 1}
    revoker.revoke()
    with pytest.raises(Denied):
        reader.graph().get(unique)


def test_it_ends_with_its_client(real: Service, unique: str) -> None:
    client = real.connect()
    graph = client.graph()
    graph.put(unique, {"a": 1})
    watch = graph.watch(unique)
    client.close()
    with pytest.raises(PangeaError, match="closed"):
        graph.get(unique)
    with pytest.raises(PangeaError):
        next(watch)
        next(watch)


def test_asyncio(real: Service, unique: str) -> None:
    async def main() -> None:
        async with await AsyncClient.connect(**real.options) as client, asyncio.timeout(30):
            graph = client.graph()
            async with await graph.watch(unique, f"{unique}/2") as watch:
                await asyncio.gather(graph.put(unique, {"a": 1}), graph.put(f"{unique}/2", {"b": Link(unique)}))
                told = [await anext(watch), await anext(watch)]
                assert {change.soul: change.fields for change in told} == {unique: {"a": 1}, f"{unique}/2": {"b": Link(unique)}}
                waiting = asyncio.create_task(anext(watch))
                await asyncio.sleep(0.1)
                waiting.cancel()
                await graph.put(unique, {"a": 2})
                assert (await anext(watch)).fields == {"a": 2}
            assert [soul async for soul in graph.souls(unique)] == [unique, f"{unique}/2"]
            assert (await graph.status()).is_on
            assert await graph.get(unique) == {"a": 2}
            lost = await graph.watch(unique)
            await anext(lost)
        with pytest.raises(Unreachable):
            await anext(lost)

    asyncio.run(main())


def test_the_command_line(real: Service, graph: Graph, unique: str) -> None:
    login = ["--address", real.address, "--data-dir", real.options["data_dir"]]

    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "pangea_client", *login, "graph", *arguments]

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout

    run("put", unique, "title=hello", 'text="3"', "count=3", "done=false", "gone=null", "next=@other")
    assert graph.get(unique) == {"title": "hello", "text": "3", "count": 3, "done": False, "gone": None, "next": Link("other")}
    assert run("get", unique).splitlines() == ["count  3", "done  false", "gone  null", "next  @other", 'text  "3"', "title  hello"]
    node = json.loads(run("get", unique, "title", "--json"))
    assert node["title"] == "hello" and node["_"]["#"] == unique and list(node["_"][">"]) == ["title"]
    assert run("get", unique, "title") == "hello\n"
    assert run("get", f"{unique}/absent", "--wait", "0", code=66) == ""
    run("put", unique, "no value", code=64)
    assert run("souls", unique).split() == [unique]
    assert "ws://" in run("status")
    watching = subprocess.Popen(command("watch", unique, "--count", "2"), stdout=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline())["node"]["title"] == "hello"
    graph.put(unique, {"title": "new"})
    assert json.loads(watching.stdout.readline())["node"]["title"] == "new"
    assert watching.wait(30) == 0
    watching.stdout.close()
