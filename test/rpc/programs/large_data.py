"""1, 16 and 64 MiB through every way that carries bytes, and 64 calls in flight."""
import asyncio

from pangea import Sink, connect, options, pattern, put, refused, run


async def main():
    _, node = await connect()
    session = node.login(token=options["token"]).session
    for mebibytes in (1, 16, 64):
        data = pattern((mebibytes << 20) - 5)
        stored = await put(session, f"{mebibytes} MiB", data)
        sink = Sink()
        await session.get(reference=stored.object.root, sink=sink)
        assert sink.content() == data, mebibytes

        sent = (await node.upload(request={"data": data, "targetPeers": [8]})).response
        assert sent.success and sent.manifest.fileSize == len(data) and len(sent.manifest.shardLocations) == 12, sent.errorMsg
        back = (await node.download(request={"fileHash": sent.manifest.fileHash, "shardLocations": [{"shardIndex": 0, "peerId": 8}]})).response
        assert back.success and back.data == data and back.bytesDownloaded == len(data), back.errorMsg

    block = pattern(2 << 20)
    shards = (await node.cesProcess(request={"data": block, "compressionLevel": 3})).response
    assert shards.success and [each.index for each in shards.shards] == list(range(12)), shards.errorMsg
    twelve = [{"index": each.index, "data": bytes(each.data)} for each in shards.shards]
    present = [index not in (0, 3, 7, 11) for index in range(12)]
    whole = (await node.cesReconstruct(request={"shards": twelve, "shardPresent": present})).response
    assert whole.success and whole.data == block, whole.errorMsg
    few = (await node.cesReconstruct(request={"shards": twelve[:7]})).response
    assert not few.success and few.errorMsg.startswith("NOT_ENOUGH_SHARDS: "), few.errorMsg

    await refused(node.upload(request={"data": bytes((64 << 20) + 1)}), "TOO_LARGE")

    nodes = await asyncio.gather(*[node.getAllNodes() for _ in range(64)])
    assert all([each.id for each in answer.nodes.nodes] == [7, 8] for answer in nodes)
    small = await asyncio.gather(*[put(session, f"small {index}", bytes([index]) * index) for index in range(1, 65)])
    sinks = [Sink() for _ in small]
    await asyncio.gather(*[session.get(reference=stored.object.root, sink=sink) for stored, sink in zip(small, sinks)])
    assert [sink.content() for sink in sinks] == [bytes([index]) * index for index in range(1, 65)]


run(main)
