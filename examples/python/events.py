"""Listens to what happens in a node, with asyncio, while something does happen.

    python events.py [--host 127.0.0.1] [--port 8080] [--data-dir DIR]
"""

import argparse
import asyncio

from pangea_client import AsyncClient

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("--data-dir")
options = parser.parse_args()


async def main() -> None:
    async with (
        await AsyncClient.connect(options.host, options.port, data_dir=options.data_dir) as client,
        await client.subscribe("objects", "peers") as events,
    ):
        result = await client.put(b"something new", "news.txt")
        await client.remove(result.root)
        async for event in events:
            if event.lost:
                print(f"({event.lost} events were dropped: this program was too slow)")
            print(event.kind, event.detail)
            if event.kind == "object" and event.detail.change == "removed":
                return


asyncio.run(asyncio.wait_for(main(), 30))
