"""A client of the existing network: it knows nothing but its own schema, and calls every method of it."""
import asyncio
import json
import os
import sys

import capnp

capnp.remove_import_hook()
options = json.loads(sys.argv[1])
schema = capnp.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "old_network.capnp"))


async def main():
    stream = await capnp.AsyncIoStream.create_connection("127.0.0.1", options["port"])
    client = capnp.TwoPartyClient(stream)
    service = client.bootstrap().cast_as(schema.NodeService)

    node = (await service.getNode(query={"nodeId": 7})).node
    assert node.id == 7 and node.status == 0
    try:
        await service.getNode(query={"nodeId": 999})
        raise AssertionError("an unknown node was found")
    except capnp.KjException as error:
        assert "NOT_FOUND: " in str(error) and "999" in str(error), error
    assert [each.id for each in (await service.getAllNodes()).nodes.nodes] == [7, 8]

    update = asyncio.ensure_future(service.streamUpdates())
    await asyncio.sleep(0.1)
    assert (await service.updateNode(update={"nodeId": 8, "latencyMs": 12.5, "threatScore": 0.25})).success
    news = (await update).update
    assert (news.nodeId, news.latencyMs, news.threatScore) == (8, 12.5, 0.25)
    assert (await service.updateLatency(nodeId=8, latencyMs=20)).success
    assert (await service.getNode(query={"nodeId": 8})).node.latencyMs == 20
    assert not (await service.updateLatency(nodeId=999, latencyMs=20)).success

    met = await service.connectToPeer(peer={"peerId": 8, "host": "127.0.0.1", "port": 9008})
    assert met.success and met.quality.latencyMs == 1
    assert not (await service.connectToPeer(peer={"peerId": 9, "host": "127.0.0.1", "port": 1})).success
    assert list((await service.getConnectedPeers()).peers) == [8]
    assert (await service.getConnectionQuality(peerId=8)).quality.latencyMs == 1
    assert (await service.sendMessage(msg={"toPeerId": 8, "data": b"hello"})).success
    assert not (await service.sendMessage(msg={"toPeerId": 999, "data": b"hello"})).success
    metrics = (await service.getNetworkMetrics()).metrics
    assert metrics.peerCount == 1 and metrics.cpuUsage == 0.25 and metrics.ioCapacity == 1
    assert len((await service.listLibp2pPeers()).peers) == 1
    assert (await service.disconnectPeer(peerId=8)).success
    assert list((await service.getConnectedPeers()).peers) == []

    data = bytes(range(256)) * 1000
    processed = (await service.cesProcess(request={"data": data, "compressionLevel": 3})).response
    assert processed.success and len(processed.shards) == 12, processed.errorMsg
    present = [index >= 4 for index in range(12)]
    shards = [{"index": each.index, "data": bytes(each.data) if present[each.index] else b""} for each in processed.shards]
    rebuilt = (await service.cesReconstruct(request={"shards": shards, "shardPresent": present, "compressionLevel": 3})).response
    assert rebuilt.success and rebuilt.data == data, rebuilt.errorMsg

    uploaded = (await service.upload(request={"data": data, "targetPeers": [7, 8]})).response
    assert uploaded.success and uploaded.manifest.shardCount == 8 and uploaded.manifest.parityCount == 4, uploaded.errorMsg
    manifest = uploaded.manifest
    places = [{"shardIndex": each.shardIndex, "peerId": each.peerId} for each in manifest.shardLocations]
    downloaded = (await service.download(request={"shardLocations": places, "fileHash": manifest.fileHash})).response
    assert downloaded.success and downloaded.data == data and downloaded.bytesDownloaded == len(data), downloaded.errorMsg
    lost = (await service.download(request={"fileHash": "0" * 64})).response
    assert not lost.success and lost.errorMsg.startswith("NOT_FOUND: "), lost.errorMsg

    for name in ("startStreaming", "stopStreaming", "sendVideoFrame", "sendAudioChunk", "sendChatMessage", "connectStreamPeer", "getStreamStats",
                 "getReceivedFrames", "getReceivedAudio", "submitComputeJob", "getComputeJobStatus", "getComputeJobResult", "cancelComputeJob",
                 "getComputeCapacity"):
        try:
            await getattr(service, name)()
            raise AssertionError(f"{name} was answered")
        except capnp.KjException as error:
            assert error.type == "UNIMPLEMENTED", (name, error.type)

    assert (await service.getLocalMultiaddr()).multiaddr.startswith("/memory/7/p2p/12D3KooW")
    found = (await service.getMdnsDiscovered()).peers
    assert list(found[0].multiaddrs) == ["/memory/8"]
    assert (await service.connectMdnsPeer(peerID=found[0].peerId)).success
    absent = await service.connectMdnsPeer(peerID="12D3KooWnobody")
    assert not absent.success and absent.errorMsg.startswith("NOT_FOUND: ")

    config = {"nodeId": 7, "capnpAddr": ":8080", "libp2pPort": 9091, "useLibp2p": True, "localMode": False,
              "bootstrapPeers": ["/ip4/10.0.0.1/tcp/9091"], "customSettings": [{"key": "theme", "value": "dark"}]}
    assert (await service.saveConfig(config=config)).success
    assert (await service.updateConfigValue(key="libp2pPort", value="4001")).success
    assert (await service.updateConfigValue(key="language", value="de")).success
    assert not (await service.updateConfigValue(key="libp2pPort", value="a port")).success
    loaded = await service.loadConfig()
    assert loaded.success and loaded.config.libp2pPort == 4001 and loaded.config.lastSavedAt != "", loaded
    assert {each.key: each.value for each in loaded.config.customSettings} == {"theme": "dark", "language": "de"}
    print(json.dumps({}))


asyncio.run(capnp.run(asyncio.wait_for(main(), 60)))
