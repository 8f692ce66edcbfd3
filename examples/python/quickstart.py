"""Stores some bytes in a running node, reads them back, and looks at where they are.

    python quickstart.py [--host 127.0.0.1] [--port 8080] [--data-dir DIR]
"""

import argparse

from pangea_client import Client

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("--data-dir")
options = parser.parse_args()

with Client.connect(options.host, options.port, data_dir=options.data_dir) as client:
    result = client.put(b"hello, world", "greeting.txt", media_type="text/plain")
    print("link (keep it secret):", result.link)

    print("read back:", client.get(result.link).decode())
    print("a part of it:", client.get(result.link, offset=7, length=5).decode())

    info = client.info(result.link)
    print(f"{info.shards_present} of {info.shards_total} shards on {len(info.holders)} holders; survives {info.survives_failures} failures")

    for each in client.list("greeting"):
        print(f"{each.created:%Y-%m-%d %H:%M}  {each.size:>8}  {each.name}")

    client.remove(result.root)
