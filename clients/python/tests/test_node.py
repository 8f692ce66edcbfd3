"""The node's own calls, events, and those of `NodeService`, through the blocking client."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from pangea_client import Client, ConfigData, Event, Invalid, NotFound, PangeaError, TimedOut
from pangea_client.blocking import Neighbour
from pangea_client.records import NetworkMetrics


def test_status_plan_metrics(client: Client) -> None:
    assert client.about is not None and client.about.chunk_bytes > 0
    status = client.status()
    assert status.version and any(part.up for part in status.parts)
    assert status.node_id == client.about.node_id
    assert client.plan().stages
    assert "# TYPE" in client.metrics()
    for peer in client.peers():
        assert peer.peer_id and (peer.latency_ms is None or peer.latency_ms >= 0)


def test_firewall(client: Client) -> None:
    before = client.firewall()
    assert before.mode
    try:
        assert "10.1.0.0/16" in client.set_firewall([*before.allow, "10.1.0.0/16"]).allow
        with pytest.raises(Invalid, match="CONFIG_INVALID"):
            client.set_firewall(["nonsense"])
        assert "10.1.0.0/16" in client.firewall().allow
    finally:
        assert client.set_firewall(before.allow).allow == before.allow


def test_repair(client: Client) -> None:
    try:
        assert client.control_repair("pause").paused
        assert client.repair().paused
    finally:
        assert not client.control_repair("resume").paused
    assert client.control_repair("runOnce").last.ended_ms is not None
    with pytest.raises(Invalid, match="runOnce"):
        client.control_repair("stop")  # type: ignore[arg-type]


def test_events_as_an_iterator(client: Client, unique: str) -> None:
    with client.subscribe("objects") as subscription:
        root = client.put(unique.encode(), unique).root
        event = subscription.next(10)
        assert event is not None and event.kind == "object"
        assert (event.detail.change, event.detail.root, event.detail.name) == ("put", root, unique)  # type: ignore[union-attr]
        assert (event.sequence, event.lost) == (1, 0) and event.at_ms > 0
        with pytest.raises(TimedOut):
            subscription.next(0.05)
        client.remove(root)
        assert (next(subscription)).detail.change == "removed"  # type: ignore[union-attr]
    assert list(subscription) == []


def test_events_to_a_callback(client: Client, unique: str) -> None:
    seen: list[Event] = []
    came = threading.Event()

    def callback(event: Event) -> None:
        seen.append(event)
        came.set()

    subscription = client.subscribe("objects", "repair", callback=callback)
    client.put(unique.encode(), unique)
    assert came.wait(10)
    subscription.close()
    count = len(seen)
    client.put(b"later", unique)
    assert len(seen) == count and seen[0].kind == "object"


def test_a_waiting_listener_is_let_go(client: Client) -> None:
    subscription = client.subscribe("messages")
    waiting = threading.Thread(target=lambda: list(subscription))
    waiting.start()
    subscription.close()
    waiting.join(10)
    assert not waiting.is_alive()
    with pytest.raises(Invalid, match="peers, objects"):
        client.subscribe("everything")


def test_neighbour_calls(client: Client) -> None:
    nodes = client.get_all_nodes()
    own = client.about.node_id if client.about else 0
    assert nodes[0].id == own
    assert client.get_node(own)["latencyMs"] == nodes[0].latency_ms
    assert dict(client.get_node(own)).keys() == {"id", "status", "latencyMs", "threatScore"}
    with pytest.raises(NotFound):
        client.get_node(4_294_967_294)
    assert isinstance(client.get_network_metrics(), NetworkMetrics)
    assert isinstance(client.get_connected_peers(), list)
    assert client.get_local_multiaddr().startswith("/")
    assert isinstance(client.list_libp2p_peers(), list)
    assert isinstance(client.get_mdns_discovered(), list)
    with pytest.raises(PangeaError):
        client.connect_mdns_peer("12D3KooWnobody")


def test_claims_about_nodes(client: Client) -> None:
    own = client.about.node_id if client.about else 0
    assert client.update_threat_score(own, 0.25) is True
    assert client.update_latency(own, 3.0) is True


def test_blocks_and_files_of_the_network(client: Client) -> None:
    data = bytes(range(256)) * 1000
    shards = client.ces_process(data, compression_level=3)
    assert len(shards) == 12
    lost: list[bytes | None] = [None if index % 3 == 0 else shard for index, shard in enumerate(shards)]
    assert client.ces_reconstruct(lost) == data
    assert client.cesReconstruct([shard or b"" for shard in lost], [shard is not None for shard in lost], 3) == data
    with pytest.raises(PangeaError):
        client.ces_reconstruct([None] * 5 + list(shards[5:]))
    with pytest.raises(ValueError, match="shard_present"):
        client.ces_reconstruct(shards, [True])
    manifest = client.upload(data, [])
    assert manifest.file_size == len(data) and len(manifest.file_hash) == 64
    assert client.download(manifest.shard_locations, manifest.file_hash)[0] == data
    places = [{"shardIndex": each["shardIndex"], "peerId": each["peerId"]} for each in manifest["shardLocations"]]
    assert client.download(places, manifest["fileHash"])[0] == data


def test_shared_settings(client: Client, unique: str) -> None:
    assert client.save_config(ConfigData(node_id=9, capnp_addr=":8080", bootstrap_peers=("a", "b"), custom_settings={unique: "1"}))
    assert client.update_config_value(f"{unique}-2", "2")
    config = client.load_config()
    assert (config.node_id, config.bootstrap_peers) == (9, ("a", "b"))
    assert config.custom_settings[unique] == "1" and config.custom_settings[f"{unique}-2"] == "2"


def test_the_rpcs_own_names_are_there() -> None:
    for name in ("getAllNodes", "cesProcess", "connectMdnsPeer", "updateConfigValue", "getConnectionQuality"):
        assert callable(getattr(Neighbour, name))


def test_invitations_need_a_private_network_or_give_a_ticket(client: Client) -> None:
    try:
        ticket = client.invite(uses=2, expires_in=timedelta(minutes=5))
    except PangeaError as error:
        assert client.about is not None and not client.about.is_private_network, error
    else:
        assert ticket.startswith("pangea-ticket:1:")
