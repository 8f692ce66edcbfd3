"""`NodeService` for programs without asyncio. What each call does stands at `AsyncNeighbour`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._neighbour import AsyncNeighbour
from ._portal import Handle
from .records import (
    ConfigData,
    ConnectionQuality,
    DiscoveredPeer,
    FileManifest,
    NetworkMetrics,
    Node,
    NodeUpdate,
    ShardLocation,
)

if TYPE_CHECKING:
    from .aio import AsyncClient


async def _next(updates: AsyncIterator[NodeUpdate]) -> NodeUpdate:
    return await anext(updates)


class Neighbour:
    _client: Handle[AsyncClient]

    def get_all_nodes(self) -> list[Node]:
        return self._client.call(AsyncNeighbour.get_all_nodes)

    def get_node(self, node_id: int) -> Node:
        return self._client.call(AsyncNeighbour.get_node, node_id)

    def update_node(self, node_id: int, latency_ms: float = 0.0, threat_score: float = 0.0) -> bool:
        return self._client.call(AsyncNeighbour.update_node, node_id, latency_ms, threat_score)

    def update_threat_score(self, node_id: int, threat_score: float) -> bool:
        return self._client.call(AsyncNeighbour.update_threat_score, node_id, threat_score)

    def update_latency(self, node_id: int, latency_ms: float) -> bool:
        return self._client.call(AsyncNeighbour.update_latency, node_id, latency_ms)

    def stream_updates(self) -> Iterator[NodeUpdate]:
        updates = self._client.open(AsyncNeighbour.stream_updates)
        while True:
            yield updates.wait(_next)

    def connect_to_peer(self, peer_id: int, host: str, port: int) -> tuple[bool, ConnectionQuality | None]:
        return self._client.call(AsyncNeighbour.connect_to_peer, peer_id, host, port)

    def disconnect_peer(self, peer_id: int) -> bool:
        return self._client.call(AsyncNeighbour.disconnect_peer, peer_id)

    def get_connected_peers(self) -> list[int]:
        return self._client.call(AsyncNeighbour.get_connected_peers)

    def send_message(self, peer_id: int, data: Any) -> bool:
        return self._client.call(AsyncNeighbour.send_message, peer_id, data)

    def get_network_metrics(self) -> NetworkMetrics:
        return self._client.call(AsyncNeighbour.get_network_metrics)

    def get_connection_quality(self, peer_id: int) -> ConnectionQuality:
        return self._client.call(AsyncNeighbour.get_connection_quality, peer_id)

    def ces_process(self, data: Any, compression_level: int = 3) -> list[bytes]:
        return self._client.call(AsyncNeighbour.ces_process, data, compression_level)

    def ces_reconstruct(
        self, shards: Sequence[bytes | None], shard_present: Sequence[bool] | None = None, compression_level: int = 3
    ) -> bytes:
        return self._client.call(AsyncNeighbour.ces_reconstruct, shards, shard_present, compression_level)

    def upload(self, data: Any, target_peers: Iterable[int] = ()) -> FileManifest:
        return self._client.call(AsyncNeighbour.upload, data, [*target_peers])

    def download(
        self, shard_locations: Iterable[ShardLocation | Mapping[str, int]] = (), file_hash: str = ""
    ) -> tuple[bytes, int]:
        return self._client.call(AsyncNeighbour.download, [*shard_locations], file_hash)

    def get_local_multiaddr(self) -> str:
        return self._client.call(AsyncNeighbour.get_local_multiaddr)

    def list_libp2p_peers(self) -> list[str]:
        return self._client.call(AsyncNeighbour.list_libp2p_peers)

    def get_mdns_discovered(self) -> list[DiscoveredPeer]:
        return self._client.call(AsyncNeighbour.get_mdns_discovered)

    def connect_mdns_peer(self, peer_id: str) -> bool:
        return self._client.call(AsyncNeighbour.connect_mdns_peer, peer_id)

    def load_config(self) -> ConfigData:
        return self._client.call(AsyncNeighbour.load_config)

    def save_config(self, config: ConfigData) -> bool:
        return self._client.call(AsyncNeighbour.save_config, config)

    def update_config_value(self, key: str, value: str) -> bool:
        return self._client.call(AsyncNeighbour.update_config_value, key, value)

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
