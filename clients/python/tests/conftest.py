"""What the tests talk to: a node in memory, in a process of its own, and a real one where `PANGEA_TEST_ADDRESS` names it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pangea_client import Client


class Service:
    """Where a node is, and how to log in there."""

    def __init__(self, address: str, **login: Any) -> None:
        host, _, port = address.rpartition(":")
        self.address = address
        self.options: dict[str, Any] = {"host": host, "port": int(port), **login}

    def connect(self, **options: Any) -> Client:
        return Client.connect(**{**self.options, **options})


class MemoryService(Service):
    """A process, because pycapnp's servers make garbage that only their own thread may collect."""

    def __init__(self, *tls: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("memory_node.py"), *tls], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        super().__init__(f"127.0.0.1:{int(self.process.stdout.readline())}", token="secret")

    def order(self, **order: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def set(self, **values: Any) -> None:
        self.order(set=values)

    def end(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(autouse=True)
def no_own_token(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test finds the token of whoever runs it."""
    monkeypatch.delenv("PANGEA_RPC_TOKEN", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "nowhere"))


@pytest.fixture(scope="session")
def memory_process() -> Iterator[MemoryService]:
    service = MemoryService()
    yield service
    service.end()


@pytest.fixture
def memory(memory_process: MemoryService) -> Iterator[MemoryService]:
    yield memory_process
    memory_process.set(token="secret", write_delay=0.0, fail_write_at=None, short_get=0, hostile_tree=None)


@pytest.fixture(params=["memory", "real"])
def service(request: pytest.FixtureRequest) -> Service:
    if request.param == "memory":
        memory: MemoryService = request.getfixturevalue("memory")
        return memory
    address = os.environ.get("PANGEA_TEST_ADDRESS")
    if not address:
        pytest.skip("no real node: set PANGEA_TEST_ADDRESS and PANGEA_TEST_DATA_DIR")
    return Service(address, data_dir=os.environ["PANGEA_TEST_DATA_DIR"])


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with service.connect() as client:
        yield client


@pytest.fixture
def unique() -> str:
    return uuid.uuid4().hex
