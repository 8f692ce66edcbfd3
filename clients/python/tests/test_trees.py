"""Trees from a node that lies: no entry leaves the directory it is laid out in."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path
from typing import Any

import pytest
from conftest import MemoryService

from pangea_client import Invalid, PangeaError
from pangea_client._tree import Layout, check_path, check_target
from pangea_client.records import TreeEntry


def file(path: str, content: str = "x") -> list[Any]:
    return [{"path": path, "type": "file", "mode": 0o644, "bytes": len(content)}, content]


def link(path: str, target: str) -> list[Any]:
    return [{"path": path, "type": "symlink", "target": target}, ""]


@pytest.mark.parametrize(
    "entries",
    [
        [file("../evil")],
        [file("/etc/evil")],
        [file("a/../../evil")],
        [file("a//b")],
        [file("./a")],
        [file("")],
        [file("a\0b")],
        [link("l", "/etc"), file("ok")],
        [link("l", ".."), file("ok")],
        [link("d/l", "../../x")],
        [link("p", "."), link("p/q/r/x", "../../..")],
        [link("b", "."), link("a", "b/..")],
        [file("same"), file("same")],
        [file("a"), file("a/b")],
        [link("a", "b"), file("a/c")],
    ],
)
def test_no_entry_of_a_tree_leaves_its_directory(memory: MemoryService, tmp_path: Path, unique: str, entries: Any) -> None:
    outside = tmp_path / "outside"
    (outside / "in").mkdir(parents=True)
    with memory.connect() as client:
        (tmp_path / "tree").mkdir()
        client.put_tree(tmp_path / "tree", unique)
        memory.set(hostile_tree=entries)
        with pytest.raises(PangeaError) as caught:
            client.get_tree(unique, outside / "in" / "out")
    assert caught.value.code in ("UNSAFE_PATH", "FILE_IO", "PROTOCOL")
    assert [str(each.relative_to(outside)) for each in outside.rglob("*")] == ["in"]


def test_a_tree_whose_sizes_lie_is_refused(memory: MemoryService, tmp_path: Path, unique: str) -> None:
    with memory.connect() as client:
        (tmp_path / "tree").mkdir()
        client.put_tree(tmp_path / "tree", unique)
        for size in (0, 1, 99):
            entry = file("a", "four")
            entry[0]["bytes"] = size
            memory.set(hostile_tree=[entry, file("b")])
            with pytest.raises(PangeaError, match="PROTOCOL"):
                client.get_tree(unique, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_odd_modes_are_tamed(memory: MemoryService, tmp_path: Path, unique: str) -> None:
    with memory.connect() as client:
        (tmp_path / "tree").mkdir()
        client.put_tree(tmp_path / "tree", unique)
        entries = [file("suid"), [{"path": "d", "type": "directory", "mode": 0}, ""], file("d/x")]
        entries[0][0]["mode"] = 0o104777
        memory.set(hostile_tree=entries)
        client.get_tree(unique, tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out" / "suid").stat().st_mode) == 0o777
    assert (tmp_path / "out" / "d" / "x").read_text() == "x"


def test_drawn_paths_never_leave(tmp_path: Path) -> None:
    """Entries drawn at random from the parts of which attacks are made: either refused, or inside."""
    parts = ("..", ".", "", "a", "b", "c", "/", "a\0", "..a", "\u202e", "a" * 300)
    for seed in range(400):
        draw = random.Random(seed)
        (tmp_path / str(seed) / "in").mkdir(parents=True)
        layout = Layout(tmp_path / str(seed) / "in")
        try:
            for _ in range(draw.randrange(1, 6)):
                path = "/".join(draw.choice(parts) for _ in range(draw.randrange(1, 4)))
                target = "/".join(draw.choice(parts) for _ in range(draw.randrange(1, 5)))
                kind = draw.choice(("file", "directory", "symlink"))
                layout.begin(TreeEntry(path, kind, draw.randrange(2**32), draw.randrange(2**40), 0, target))
            layout.finish()
        except (PangeaError, OSError):
            layout.close()
        assert os.listdir(tmp_path / str(seed)) == ["in"]
        for each in (tmp_path / str(seed) / "in").rglob("*"):
            if each.is_symlink():
                reached = os.path.realpath(each)
                assert (reached + "/").startswith(str(tmp_path / str(seed) / "in") + "/"), (seed, each, os.readlink(each))


def test_paths_and_targets() -> None:
    assert check_path("a/b.c/..d") == ("a", "b.c", "..d")
    for target in ("b", "../b", "./b", "../../x/y"):
        check_target("p/q/r", target)
    for target in ("", "/b", "../../../x", "b/..", "../q/../../x", "a\0"):
        with pytest.raises(Invalid):
            check_target("p/q/r", target)
