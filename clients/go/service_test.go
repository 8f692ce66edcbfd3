package pangea

import (
	"bytes"
	"context"
	"testing"
	"time"
)

func TestServiceOfTheNetwork(t *testing.T) {
	node := startMemory(t)
	service, err := DialNodeService(t.Context(), node.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	ctx := t.Context()

	self, err := service.GetNode(ctx, 7)
	if err != nil || self.ID != 7 || self.LatencyMs != 1.5 {
		t.Fatal(self, err)
	}
	_, err = service.GetNode(ctx, 99)
	wants(t, err, ErrNotFound)
	nodes, err := service.GetAllNodes(ctx)
	if err != nil || len(nodes) != 2 || nodes[1].Status != NodeDead {
		t.Fatal(nodes, err)
	}
	yes := func(name string, done bool, err error) {
		t.Helper()
		if err != nil || !done {
			t.Fatal(name, done, err)
		}
	}
	done, err := service.UpdateNode(ctx, NodeUpdate{NodeID: 7, ThreatScore: 0.1})
	yes("UpdateNode", done, err)
	done, err = service.UpdateLatency(ctx, 7, 3)
	yes("UpdateLatency", done, err)
	done, quality, err := service.ConnectToPeer(ctx, PeerAddress{8, "127.0.0.1", 9090})
	yes("ConnectToPeer", done && quality.LatencyMs == 2, err)
	done, err = service.SendMessage(ctx, 8, []byte("hello"))
	yes("SendMessage", done, err)
	done, err = service.DisconnectPeer(ctx, 8)
	yes("DisconnectPeer", done, err)
	done, err = service.UpdateConfigValue(ctx, "theme", "dark")
	yes("UpdateConfigValue", done, err)
	quality, err = service.GetConnectionQuality(ctx, 8)
	yes("GetConnectionQuality", quality.JitterMs == 8, err)
	connected, err := service.GetConnectedPeers(ctx)
	yes("GetConnectedPeers", len(connected) == 1 && connected[0] == 8, err)
	metrics, err := service.GetNetworkMetrics(ctx)
	yes("GetNetworkMetrics", metrics.PeerCount == 1, err)
	address, err := service.GetLocalMultiaddr(ctx)
	yes("GetLocalMultiaddr", address != "", err)
	peers, err := service.ListLibp2pPeers(ctx)
	yes("ListLibp2pPeers", len(peers) == 1, err)
	found, err := service.GetMdnsDiscovered(ctx)
	yes("GetMdnsDiscovered", len(found) == 1 && found[0].DiscoveredAt.Unix() == 1_700_000_000, err)
	wants(t, service.ConnectMdnsPeer(ctx, "nobody"), ErrNotFound)

	config, err := service.LoadConfig(ctx)
	yes("LoadConfig", config.CustomSettings["theme"] == "dark", err)
	if err := service.SaveConfig(ctx, ConfigData{CustomSettings: map[string]string{"a": "1", "b": "2"}, BootstrapPeers: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	config, err = service.LoadConfig(ctx)
	yes("SaveConfig", len(config.CustomSettings) == 2 && config.CustomSettings["b"] == "2", err)

	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = service.StreamUpdates(short)
	wants(t, err, ErrTimeout)
}

func TestBlocks(t *testing.T) {
	node := startMemory(t)
	service, err := DialNodeService(t.Context(), node.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	ctx := t.Context()
	data := seeded(100_001)
	shards, err := service.CesProcess(ctx, data, 3)
	if err != nil || len(shards) != 12 {
		t.Fatal(len(shards), err)
	}
	back, err := service.CesReconstruct(ctx, shards, 3)
	if err != nil || !bytes.Equal(back, data) {
		t.Fatal(len(back), err)
	}
	_, err = service.CesReconstruct(ctx, shards[1:], 3)
	wants(t, err, ErrNotEnoughShards)
	_, err = service.CesReconstruct(ctx, []Shard{{Index: 12, Data: data}}, 3)
	wants(t, err, ErrUsage)
	_, err = service.CesProcess(ctx, nil, 3)
	wants(t, err, ErrUsage)
	manifest, err := service.Upload(ctx, data, []uint32{3, 4})
	if err != nil || manifest.FileSize != uint64(len(data)) || len(manifest.ShardLocations) != 2 || manifest.ShardLocations[1].PeerID != 4 {
		t.Fatal(manifest, err)
	}
	back, err = service.Download(ctx, manifest.ShardLocations, manifest.FileHash)
	if err != nil || !bytes.Equal(back, data) {
		t.Fatal(len(back), err)
	}
	_, err = service.Download(ctx, nil, "no such root")
	wants(t, err, ErrNotFound)
	// Larger than what the RPC library takes by itself.
	large := make([]byte, 64<<20)
	copy(large, data)
	shards, err = service.CesProcess(ctx, large, 3)
	if err != nil {
		t.Fatal(err)
	}
	if back, err = service.CesReconstruct(ctx, shards, 3); err != nil || !bytes.Equal(back, large) {
		t.Fatal(len(back), err)
	}
}
