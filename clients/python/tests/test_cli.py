"""`pangea-py` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Service


@pytest.fixture
def run(service: Service, tmp_path: Path) -> Any:
    token = tmp_path / "token"
    token.write_text(service.options.get("token", ""))
    login = ["--data-dir", service.options["data_dir"]] if "data_dir" in service.options else ["--token-file", str(token)]

    def run(*arguments: str, input: bytes = b"", code: int = 0, **environment: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "pangea_client", "--address", service.address, *login, *arguments]
        done = subprocess.run(command, input=input, capture_output=True, timeout=60, env={**os.environ, **environment})
        assert done.returncode == code, done.stderr.decode()
        return done

    run.login = login  # type: ignore[attr-defined]
    return run


def test_put_get_ls_info_rm(run: Any, unique: str, tmp_path: Path) -> None:
    content = os.urandom(200_000)
    (tmp_path / unique).write_bytes(content)
    link = run("put", str(tmp_path / unique)).stdout.decode().strip()
    assert link.startswith("pangea:1:")
    run("get", link, "-o", str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == content
    assert run("get", link, "-o", "-", "--offset", "5", "--length", "10").stdout == content[5:15]
    assert unique in run("ls", unique).stdout.decode()
    record = json.loads(run("ls", unique, "--json").stdout)
    assert record["bytes"] == 200_000
    assert unique in run("info", record["root"]).stdout.decode()
    piped = json.loads(run("put", "-", "--name", f"{unique}-2", "--json", input=b"from a pipe").stdout)
    assert run("get", piped["object"]["link"], "-o", "-").stdout == b"from a pipe"
    run("rm", record["root"])
    assert b"NOT_FOUND" in run("info", record["root"], code=66).stderr


def test_a_directory(run: Any, unique: str, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("hello")
    link = run("put", str(tmp_path / "tree"), "--name", unique).stdout.decode().strip()
    run("get", link, "-o", str(tmp_path / "out"))
    assert (tmp_path / "out" / "a").read_text() == "hello"
    assert run("get", link, "--path", "a", "-o", "-").stdout == b"hello"


def test_the_node(run: Any) -> None:
    assert json.loads(run("status", "--json").stdout)["version"]
    for command in ("status", "peers", "plan", "metrics", "firewall", "repair", "token"):
        run(command)
    assert b"# TYPE" in run("metrics").stdout


def test_events_until_enough_or_ctrl_c(run: Any, service: Service, unique: str) -> None:
    command = [sys.executable, "-u", "-m", "pangea_client", "--address", service.address, *run.login, "events", "objects"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        line = b""
        while not line:
            run("put", "-", "--name", unique, input=b"x")
            os.set_blocking(child.stdout.fileno(), False)
            line = child.stdout.readline() or b""
        assert json.loads(line)["kind"] == "object"
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130


def test_mistakes_are_one_line_with_a_code(run: Any) -> None:
    assert run("nonsense", code=64).stderr
    error = json.loads(run("info", "nothing-of-this-name", "--json", code=66).stderr)
    assert error["error"]["code"] == "NOT_FOUND"
    done = subprocess.run([sys.executable, "-m", "pangea_client", "--address", "127.0.0.1:1", "ls"], capture_output=True, timeout=30)
    assert done.returncode == 69 and done.stderr.startswith(b"pangea-py: PEER_UNREACHABLE: no node answers at 127.0.0.1:1")
    done = subprocess.run([sys.executable, "-m", "pangea_client", "--address", "here", "ls"], capture_output=True, timeout=30)
    assert done.returncode == 64
