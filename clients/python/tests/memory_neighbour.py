"""`NodeService` of the node in memory."""

from __future__ import annotations

import asyncio
from typing import Any


def reason(code: str, message: str) -> Exception:
    """pycapnp sends the formatted traceback as the reason: an exception without one, called like the code, gives `CODE: message`."""
    hidden = property(lambda self: None, lambda self, value: None)
    return type(code, (Exception,), {"__module__": "builtins", "__traceback__": hidden})(message)


class Neighbour:
    world: Any

    def node(self, label: int) -> dict[str, Any]:
        if label not in self.world.nodes:
            raise reason("NOT_FOUND", f"no node {label}")
        status, latency, threat = self.world.nodes[label]
        return {"id": label, "status": status, "latencyMs": latency, "threatScore": threat}

    async def getNode_context(self, context: Any) -> None:
        context.results.node = self.node(context.params.query.nodeId)

    async def getAllNodes_context(self, context: Any) -> None:
        context.results.nodes = {"nodes": [self.node(label) for label in self.world.nodes]}

    async def updateNode_context(self, context: Any) -> None:
        update = context.params.update
        self.world.nodes[update.nodeId] = (2 if update.threatScore > 0.8 else 0, update.latencyMs, update.threatScore)
        context.results.success = True

    async def updateLatency_context(self, context: Any) -> None:
        context.results.success = context.params.nodeId in self.world.nodes

    async def streamUpdates_context(self, context: Any) -> None:
        await asyncio.sleep(0.01)
        context.results.update = {"nodeId": 7, "latencyMs": 3.0}

    async def connectToPeer_context(self, context: Any) -> None:
        context.results.success = context.params.peer.port != 0
        context.results.quality = {"latencyMs": 2.0, "jitterMs": 0.5, "packetLoss": 0.0}

    async def disconnectPeer_context(self, context: Any) -> None:
        context.results.success = context.params.peerId in self.world.nodes

    async def getConnectedPeers_context(self, context: Any) -> None:
        context.results.peers = [7]

    async def sendMessage_context(self, context: Any) -> None:
        self.world.messages.append((context.params.msg.toPeerId, context.params.msg.data))
        context.results.success = True

    async def getNetworkMetrics_context(self, context: Any) -> None:
        context.results.metrics = {"avgRttMs": 1.0, "peerCount": 1, "ioCapacity": 0.5}

    async def getConnectionQuality_context(self, context: Any) -> None:
        context.results.quality = {"latencyMs": self.node(context.params.peerId)["latencyMs"]}

    async def cesProcess_context(self, context: Any) -> None:
        data = context.params.request.data
        if not data:
            context.results.response = {"success": False, "errorMsg": "USAGE: no data"}
            return
        context.results.response = {"success": True, "shards": [{"index": index, "data": bytes([index]) + data} for index in range(12)]}

    async def cesReconstruct_context(self, context: Any) -> None:
        request = context.params.request
        present = [shard.data for shard, there in zip(request.shards, request.shardPresent, strict=True) if there]
        if len(present) < 8:
            context.results.response = {"success": False, "errorMsg": f"NOT_ENOUGH_SHARDS: {len(present)} of 8"}
            return
        context.results.response = {"success": True, "data": present[0][1:]}

    async def upload_context(self, context: Any) -> None:
        stored = self.world.keep_uploaded(context.params.request.data)
        places = [{"shardIndex": index, "peerId": peer} for index, peer in enumerate(context.params.request.targetPeers)]
        manifest = {
            "fileHash": stored.root,
            "fileName": stored.name,
            "fileSize": stored.bytes,
            "shardCount": 8,
            "parityCount": 4,
            "shardLocations": places,
            "timestamp": 1,
        }
        context.results.response = {"success": True, "manifest": manifest}

    async def download_context(self, context: Any) -> None:
        data = self.world.find(context.params.request.fileHash).content
        context.results.response = {"success": True, "data": data, "bytesDownloaded": len(data)}

    async def getLocalMultiaddr_context(self, context: Any) -> None:
        context.results.multiaddr = "/ip4/127.0.0.1/tcp/9091/p2p/12D3KooWMemory"

    async def listLibp2pPeers_context(self, context: Any) -> None:
        context.results.peers = ["12D3KooWOther"]

    async def getMdnsDiscovered_context(self, context: Any) -> None:
        context.results.peers = [{"peerId": "12D3KooWOther", "multiaddrs": ["/ip4/127.0.0.1/tcp/1"], "discoveredAt": 1}]

    async def connectMdnsPeer_context(self, context: Any) -> None:
        context.results.success = context.params.peerID == "12D3KooWOther"
        context.results.errorMsg = "" if context.results.success else "NOT_FOUND: never seen"

    async def loadConfig_context(self, context: Any) -> None:
        context.results.config = self.world.config
        context.results.success = True

    async def saveConfig_context(self, context: Any) -> None:
        self.world.config = context.params.config.to_dict()
        context.results.success = True

    async def updateConfigValue_context(self, context: Any) -> None:
        self.world.config["customSettings"].append({"key": context.params.key, "value": context.params.value})
        context.results.success = True
