"""What any node of the Pangea network answers: `NodeService`, under the names that its Python programs know.

None of these needs a token. Peers and nodes are named by labels (`--node-id`, 32 bits), not by identities. What a
program of that network expected in a dictionary can still be asked for as one: `quality["latencyMs"]`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from ._connection import Connection, answer
from ._source import as_bytes
from ._wire import read
from .errors import error_from_reason
from .records import (
    ConfigData,
    ConnectionQuality,
    DiscoveredPeer,
    FileManifest,
    NetworkMetrics,
    Node,
    NodeUpdate,
    ShardLocation,
    read_config,
)  # fmt: skip


def _checked(response: Any) -> Any:
    if not response.success:
        raise error_from_reason(response.errorMsg)
    return response


def _octets(data: Any) -> bytes:
    return data if isinstance(data, bytes) else bytes(as_bytes(data))


def _place(place: ShardLocation | Mapping[str, int]) -> dict[str, int]:
    return {"shardIndex": place["shardIndex"], "peerId": place["peerId"]}


class AsyncNeighbour:
    """The calls that need no token, on a connection."""

    _connection: Connection

    @property
    def _service(self) -> Any:
        self._connection.check()
        return self._connection.bootstrap

    async def get_all_nodes(self) -> list[Node]:
        """Every node that this one knows, itself first."""
        return [read(Node, each) for each in (await answer(self._service.getAllNodes())).nodes.nodes]

    async def get_node(self, node_id: int) -> Node:
        """Throws `NotFound`."""
        return read(Node, (await answer(self._service.getNode(query={"nodeId": node_id}))).node)

    async def update_node(self, node_id: int, latency_ms: float = 0.0, threat_score: float = 0.0) -> bool:
        """A claim, shown to those who ask; it never steers placement."""
        update = {"nodeId": node_id, "latencyMs": latency_ms, "threatScore": threat_score}
        return bool((await answer(self._service.updateNode(update=update))).success)

    async def update_threat_score(self, node_id: int, threat_score: float) -> bool:
        """`threat_score`: 0 to 1."""
        return await self.update_node(node_id, threat_score=threat_score)

    async def update_latency(self, node_id: int, latency_ms: float) -> bool:
        return bool((await answer(self._service.updateLatency(nodeId=node_id, latencyMs=latency_ms))).success)

    async def stream_updates(self) -> AsyncIterator[NodeUpdate]:
        """Changes of nodes, one after the other; those between two are not kept. `subscribe` tells more."""
        while True:
            yield read(NodeUpdate, (await answer(self._service.streamUpdates())).update)

    async def connect_to_peer(self, peer_id: int, host: str, port: int) -> tuple[bool, ConnectionQuality | None]:
        """Whether it is connected, and how well."""
        result = await answer(self._service.connectToPeer(peer={"peerId": peer_id, "host": host, "port": port}))
        return (True, read(ConnectionQuality, result.quality)) if result.success else (False, None)

    async def disconnect_peer(self, peer_id: int) -> bool:
        return bool((await answer(self._service.disconnectPeer(peerId=peer_id))).success)

    async def get_connected_peers(self) -> list[int]:
        return list((await answer(self._service.getConnectedPeers())).peers)

    async def send_message(self, peer_id: int, data: Any) -> bool:
        """At most 64 KiB. True when the other node took it."""
        message = {"toPeerId": peer_id, "data": _octets(data)}
        return bool((await answer(self._service.sendMessage(msg=message))).success)

    async def get_network_metrics(self) -> NetworkMetrics:
        return read(NetworkMetrics, (await answer(self._service.getNetworkMetrics())).metrics)

    async def get_connection_quality(self, peer_id: int) -> ConnectionQuality:
        """Throws `NotFound`."""
        return read(ConnectionQuality, (await answer(self._service.getConnectionQuality(peerId=peer_id))).quality)

    async def ces_process(self, data: Any, compression_level: int = 3) -> list[bytes]:
        """Compresses, seals (with the node's own key) and cuts at most 64 MiB: twelve shards, any eight of which suffice."""
        request = {"data": _octets(data), "compressionLevel": compression_level}
        response = _checked((await answer(self._service.cesProcess(request=request))).response)
        return [each.data for each in sorted(response.shards, key=lambda shard: int(shard.index))]

    async def ces_reconstruct(
        self, shards: Sequence[bytes | None], shard_present: Sequence[bool] | None = None, compression_level: int = 3
    ) -> bytes:
        """The data of `ces_process`, from shards in their order, `None` where one is missing."""
        present = [shard is not None for shard in shards] if shard_present is None else [bool(each) for each in shard_present]
        if len(present) != len(shards):
            raise ValueError(f"{len(shards)} shards, but {len(present)} in shard_present")
        request = {
            "shards": [{"index": index, "data": shard or b""} for index, shard in enumerate(shards)],
            "shardPresent": present,
            "compressionLevel": compression_level,
        }
        return bytes(_checked((await answer(self._service.cesReconstruct(request=request))).response).data)

    async def upload(self, data: Any, target_peers: Iterable[int] = ()) -> FileManifest:
        """Stores at most 64 MiB. `target_peers`: labels of nodes that should hold it, as a wish. `put` streams any size."""
        request = {"data": _octets(data), "targetPeers": list(target_peers)}
        return read(FileManifest, _checked((await answer(self._service.upload(request=request))).response).manifest)

    async def download(
        self, shard_locations: Iterable[ShardLocation | Mapping[str, int]] = (), file_hash: str = ""
    ) -> tuple[bytes, int]:
        """The data and the bytes that were fetched for it; `shard_locations` and `file_hash` as in the manifest."""
        request = {"shardLocations": [_place(each) for each in shard_locations], "fileHash": file_hash}
        response = _checked((await answer(self._service.download(request=request))).response)
        return response.data, int(response.bytesDownloaded)

    async def get_local_multiaddr(self) -> str:
        return str((await answer(self._service.getLocalMultiaddr())).multiaddr)

    async def list_libp2p_peers(self) -> list[str]:
        """PeerIds that are connected."""
        return [str(each) for each in (await answer(self._service.listLibp2pPeers())).peers]

    async def get_mdns_discovered(self) -> list[DiscoveredPeer]:
        return [read(DiscoveredPeer, each) for each in (await answer(self._service.getMdnsDiscovered())).peers]

    async def connect_mdns_peer(self, peer_id: str) -> bool:
        """Throws what kept it from connecting."""
        return bool(_checked(await answer(self._service.connectMdnsPeer(peerID=peer_id))).success)

    async def load_config(self) -> ConfigData:
        """Settings that clients of the network share through this node; they change nothing in it."""
        return read_config(_checked(await answer(self._service.loadConfig())).config)

    async def save_config(self, config: ConfigData) -> bool:
        settings = [{"key": key, "value": value} for key, value in config.custom_settings.items()]
        wire = {**config.to_dict(), "customSettings": settings, "bootstrapPeers": list(config.bootstrap_peers)}
        return bool(_checked(await answer(self._service.saveConfig(config=wire))).success)

    async def update_config_value(self, key: str, value: str) -> bool:
        return bool((await answer(self._service.updateConfigValue(key=key, value=value))).success)

    # The RPC's own names.
    getAllNodes = get_all_nodes
    getNode = get_node
    updateNode = update_node
    updateThreatScore = update_threat_score
    updateLatency = update_latency
    streamUpdates = stream_updates
    connectToPeer = connect_to_peer
    disconnectPeer = disconnect_peer
    getConnectedPeers = get_connected_peers
    sendMessage = send_message
    getNetworkMetrics = get_network_metrics
    getConnectionQuality = get_connection_quality
    cesProcess = ces_process
    cesReconstruct = ces_reconstruct
    getLocalMultiaddr = get_local_multiaddr
    listLibp2pPeers = list_libp2p_peers
    getMdnsDiscovered = get_mdns_discovered
    connectMdnsPeer = connect_mdns_peer
    loadConfig = load_config
    saveConfig = save_config
    updateConfigValue = update_config_value
