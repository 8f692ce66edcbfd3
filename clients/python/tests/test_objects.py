"""put, get, files, trees and lists, through the blocking client."""

from __future__ import annotations

import contextlib
import io
import os
import random
import zipfile
from pathlib import Path

import pytest

from pangea_client import Client, Denied, Invalid, NotFound, PangeaError

big = random.Random(5).randbytes(5 * 1024 * 1024 + 77)


def test_bytes_come_back(client: Client, unique: str) -> None:
    for size in (0, 1, 65_535, 65_536, 65_537, 1_048_576, len(big)):
        result = client.put(big[:size], f"{unique}-{size}", media_type="application/x-test")
        assert result.object.size == size
        assert result.object.name == f"{unique}-{size}"
        assert client.get(result.link) == big[:size]
        assert client.info(result.link).object.media_type == "application/x-test"


def test_put_takes_what_python_calls_content(client: Client, unique: str, tmp_path: Path) -> None:
    path = tmp_path / f"{unique}.bin"
    path.write_bytes(big)
    from_path = client.put(path)
    assert from_path.object.name == path.name
    with path.open("rb") as file:
        file.seek(1000)
        from_file = client.put(file)
    assert from_file.object.name == path.name
    assert client.get(from_file.link) == big[1000:]
    pieces = (big[at : at + 10_000] for at in range(0, len(big), 10_000))
    assert client.get(client.put(pieces, f"{unique}-pieces").link) == big
    assert client.get(client.put(memoryview(bytearray(big)), f"{unique}-view").link) == big
    assert client.get(client.put(io.BytesIO(big), f"{unique}-io").link) == big


def test_mistakes_with_content_are_explained(client: Client, tmp_path: Path) -> None:
    with pytest.raises(PangeaError, match="FILE_IO: .*does not exist"):
        client.put("no such file")
    with pytest.raises(Invalid, match="use put_tree"):
        client.put(tmp_path)
    with pytest.raises(Invalid, match="'rb'"):
        client.put(io.StringIO("text"), "x")  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="acknowledge"):
        client.put(b"x", "x", acknowledge="none")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        client.put(5, "x")  # type: ignore[arg-type]


def test_a_different_length_than_announced_is_an_error(client: Client, unique: str) -> None:
    with pytest.raises(PangeaError):
        client.put([b"12345"], unique, expected_bytes=6)
    assert [each for each in client.list(unique)] == []


def test_ranges(client: Client, unique: str) -> None:
    link = client.put(big, unique).link
    for offset, length in ((0, 1), (1, 100_000), (65_535, 2), (len(big) - 5, 5), (len(big) - 5, None), (1_048_000, 2_000_000), (7, 0)):
        end = len(big) if length is None else offset + length
        assert client.get(link, offset=offset, length=length) == big[offset:end]
    with pytest.raises(ValueError, match="range"):
        client.get(link, offset=-1)


def test_into_a_path_or_a_file(client: Client, unique: str, tmp_path: Path) -> None:
    link = client.put(big, unique).link
    result = client.get(link, into=tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == big
    assert (result.name, result.size) == (unique, len(big))
    file = io.BytesIO()
    client.get(link, into=file, offset=10)
    assert file.getvalue() == big[10:]
    with pytest.raises(NotFound):
        client.get(f"{unique}-none", into=tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == big
    with pytest.raises(PangeaError, match="FILE_IO"):
        client.get(link, into=tmp_path / "no" / "directory")
    assert [each.name for each in tmp_path.iterdir()] == ["copy"]


def test_progress_goes_up_to_the_size(client: Client, unique: str) -> None:
    seen: list[tuple[int, int | None]] = []
    link = client.put(big, unique, progress=lambda done, total: seen.append((done, total))).link
    assert seen[-1] == (len(big), len(big))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    seen.clear()
    client.get(link, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(big), len(big))
    assert len(seen) > 1


def test_an_object_is_a_file_to_read(client: Client, unique: str) -> None:
    link = client.put(big, unique).link
    with client.open(link) as file:
        assert file.readable() and file.seekable() and not file.writable()
        assert file.name == unique and link not in repr(file)
        assert file.read(100) == big[:100]
        assert file.seek(-10, os.SEEK_END) == len(big) - 10
        assert file.read() == big[-10:]
        assert file.read() == b""
        assert file.seek(1_000_000) == 1_000_000
        assert file.read(2_000_000) == big[1_000_000:3_000_000]
        assert file.tell() == 3_000_000
        file.seek(0)
        assert file.read() == big
        with pytest.raises(OSError):
            file.write(b"x")
    with pytest.raises(ValueError):
        file.read()
    with pytest.raises(NotFound):
        client.open("0" * 64)


def test_random_reads_match(client: Client, unique: str) -> None:
    draw = random.Random(11)
    with client.open(client.put(big, unique).link) as file:
        for _ in range(60):
            if draw.random() < 0.5:
                file.seek(draw.randrange(len(big) + 10))
            at, size = file.tell(), draw.choice((1, 100, 5000, 300_000, 1_500_000))
            assert file.read(size) == big[at : at + size]


def test_an_object_is_a_file_to_write(client: Client, unique: str) -> None:
    with client.create(unique) as file:
        for at in range(0, len(big), 12_345):
            assert file.write(big[at : at + 12_345]) == len(big[at : at + 12_345])
    assert file.result is not None
    assert client.get(file.result.link) == big
    with pytest.raises(ValueError):
        file.write(b"more")


def test_an_exception_gives_the_object_up(client: Client, unique: str) -> None:
    with pytest.raises(KeyError), client.create(unique) as file:
        file.write(big)
        raise KeyError
    assert file.result is None and file.closed
    forgotten = client.create(unique)
    forgotten.write(b"half")
    del forgotten
    assert list(client.list(unique)) == []


def test_zip_files_work_on_objects(client: Client, unique: str) -> None:
    with client.create(unique) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "hello")
        archive.writestr("b.bin", big)
    with client.open(unique if file.result is None else file.result.link) as read, zipfile.ZipFile(read) as archive:
        assert archive.read("a.txt") == b"hello"
        assert archive.read("b.bin") == big


def test_tables_and_arrays(client: Client, unique: str) -> None:
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    array = numpy.arange(500_000, dtype="<f8")
    link = client.put(array, f"{unique}-array").link
    part = numpy.frombuffer(client.get(link, offset=8 * 1000, length=8 * 50), dtype="<f8")
    assert numpy.array_equal(part, array[1000:1050])
    with pytest.raises(TypeError, match="ascontiguousarray"):
        client.put(array[::2], "strided")
    frame = pandas.DataFrame({"a": range(2000), "b": [f"row {each}" for each in range(2000)]})
    with client.create(f"{unique}.csv") as file:
        frame.to_csv(file, index=False, mode="wb")
    assert file.result is not None
    with client.open(file.result.link) as read:
        assert pandas.read_csv(read).equals(frame)


def test_leaving_a_stream_early(client: Client, unique: str) -> None:
    link = client.put(big, unique).link
    for _ in range(3):
        with client.stream(link) as stream:
            assert next(stream) == big[: stream.received]
    assert b"".join(client.stream(link, offset=3)) == big[3:]


def tree(root: Path) -> Path:
    (root / "empty").mkdir(parents=True)
    (root / "deep" / "er").mkdir(parents=True)
    (root / "a.txt").write_text("hello")
    (root / "none").touch()
    (root / "deep" / "er" / "big.bin").write_bytes(big)
    (root / "deep" / "run").write_text("#!/bin/sh\n")
    (root / "deep" / "run").chmod(0o755)
    (root / "deep" / "link").symlink_to("../a.txt")
    os.utime(root / "a.txt", (1_000_000_000, 1_000_000_000))
    return root


def test_trees(client: Client, unique: str, tmp_path: Path) -> None:
    source = tree(tmp_path / unique)
    result = client.put_tree(source)
    assert (result.object.name, result.object.kind) == (unique, "directory")
    out = tmp_path / "out"
    laid = client.get_tree(result.link, out)
    assert laid.size == len(big) + 5 + 10
    assert sorted(str(each.relative_to(out)) for each in out.rglob("*")) == sorted(
        str(each.relative_to(source)) for each in source.rglob("*")
    )
    assert (out / "deep" / "er" / "big.bin").read_bytes() == big
    assert (out / "deep" / "link").readlink() == Path("../a.txt")
    assert (out / "deep" / "run").stat().st_mode & 0o777 == 0o755
    assert (out / "a.txt").stat().st_mtime == 1_000_000_000
    assert client.get(result.link, path="a.txt") == b"hello"
    with client.open(result.link, path="deep/er/big.bin") as file:
        assert file.read(10) == big[:10]
        assert file.read() == big[10:]
    with pytest.raises(Invalid, match="FILE_EXISTS"):
        client.get_tree(result.link, out)
    (tmp_path / "made").mkdir()
    client.get_tree(result.link, tmp_path / "made")
    assert (tmp_path / "made" / "a.txt").read_text() == "hello"


def test_a_tree_that_cannot_be_stored_is_refused(client: Client, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "out").symlink_to("../../etc/passwd")
    with pytest.raises(Invalid, match="UNSAFE_PATH: 'out'"):
        client.put_tree(tmp_path / "tree")
    with pytest.raises(PangeaError, match="not a directory"):
        client.put_tree(tmp_path / "none")


def test_info_list_search_remove(client: Client, unique: str) -> None:
    roots = {client.put(f"{unique} {each}".encode(), f"{unique}-{each:02}").root for each in range(7)}
    assert {each.root for each in client.list(unique, page=3)} == roots
    assert [each.name for each in client.search(f"{unique}-0?")] == [f"{unique}-{each:02}" for each in range(7)]
    info = client.info(f"{unique}-03")
    assert info.object.root in roots and info.shards_total > 0 and info.holders
    removed = client.remove(info.object.root)
    assert removed.root == info.object.root
    assert len(list(client.list(unique))) == 6
    with pytest.raises(NotFound):
        client.info(info.object.root)


def test_a_retried_put_gives_the_first_result(client: Client, unique: str) -> None:
    first = client.put(big, unique, request_id=unique)
    assert client.put(big, unique, request_id=unique).root == first.root


def test_narrowed_sessions(client: Client, unique: str) -> None:
    mine, other = client.put(b"mine", f"{unique}-1"), client.put(b"other", f"{unique}-2")
    session, revoker = client.narrow(read=True, only_objects=[mine.root])
    assert session.rights.read and not session.rights.write and session.rights.only_objects == (mine.root,)
    assert session.get(mine.link) == b"mine"
    with session.open(mine.link) as file:
        assert file.read() == b"mine"
    for refused in (
        lambda: session.get(other.link),
        lambda: session.put(b"x", unique),
        lambda: session.remove(mine.root),
        lambda: session.status(),
        lambda: session.subscribe("objects"),
    ):
        with pytest.raises(Denied):
            refused()
    wider, _ = session.narrow(read=True, write=True, control=True)
    assert not wider.rights.write and not wider.rights.control
    revoker.revoke()
    for each in (session, wider):
        with pytest.raises(Denied):
            each.get(mine.link)
    assert client.get(mine.link) == b"mine"
    with contextlib.suppress(PangeaError):
        revoker.revoke()
