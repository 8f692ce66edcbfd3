"""Streams a file into a node and back, with progress; memory stays small whatever the file's size.

    python stream_file.py [FILE] [--host 127.0.0.1] [--port 8080] [--data-dir DIR]

Without a file it makes one of 32 MiB.
"""

import argparse
import hashlib
import os
import sys
import tempfile
from pathlib import Path

from pangea_client import Client

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("file", nargs="?", type=Path)
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("--data-dir")
options = parser.parse_args()


def show(done: int, total: int | None) -> None:
    print(f"\r{done / 2**20:8.1f} of {(total or done) / 2**20:.1f} MiB", end="", file=sys.stderr)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


with tempfile.TemporaryDirectory() as scratch, Client.connect(options.host, options.port, data_dir=options.data_dir) as client:
    source = options.file or Path(scratch, "sample.bin")
    if options.file is None:
        with source.open("wb") as file:
            for _ in range(32):
                file.write(os.urandom(2**20))

    result = client.put(source, progress=show)
    print(f"\nput {result.object.size} bytes in {result.seconds:.2f} s, {result.stored_bytes} stored", file=sys.stderr)

    copy = Path(scratch, "copy.bin")
    client.get(result.link, into=copy, progress=show)
    print(file=sys.stderr)
    assert digest(copy) == digest(source)

    # The same without a file at either end: chunks as they come.
    sha256 = hashlib.sha256()
    for chunk in client.stream(result.link):
        sha256.update(chunk)
    assert sha256.hexdigest() == digest(source)
    print("equal:", sha256.hexdigest())
    client.remove(result.root)
