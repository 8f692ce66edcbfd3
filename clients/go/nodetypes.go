package pangea

import (
	"errors"
	"maps"
	"slices"
	"time"

	"pangea-node/clients/go/internal/schema"
)

// Node of the network, by its label.
type Node struct {
	ID          uint32     `json:"id"`
	Status      NodeStatus `json:"status"`
	LatencyMs   float32    `json:"latencyMs"`
	ThreatScore float32    `json:"threatScore"` // 0 to 1
}

// NodeUpdate is a claim about a node.
type NodeUpdate struct {
	NodeID      uint32  `json:"nodeId"`
	LatencyMs   float32 `json:"latencyMs"`
	ThreatScore float32 `json:"threatScore"`
}

// PeerAddress of a node's QUIC or libp2p port. A PeerID of 0 expects no certain label.
type PeerAddress struct {
	PeerID uint32 `json:"peerId"`
	Host   string `json:"host"`
	Port   uint16 `json:"port"`
}

// ConnectionQuality of the way to a node.
type ConnectionQuality struct {
	LatencyMs  float32 `json:"latencyMs"`
	JitterMs   float32 `json:"jitterMs"`
	PacketLoss float32 `json:"packetLoss"` // 0 to 1
}

// NetworkMetrics as a node sees them.
type NetworkMetrics struct {
	AvgRTTMs      float32 `json:"avgRttMs"`
	PacketLoss    float32 `json:"packetLoss"`
	BandwidthMbps float32 `json:"bandwidthMbps"`
	PeerCount     uint32  `json:"peerCount"`
	CPUUsage      float32 `json:"cpuUsage"`   // 0 to 1, of the whole machine
	IOCapacity    float32 `json:"ioCapacity"` // 0 to 1, what is left
}

// Shard of a block.
type Shard struct {
	Index uint32 `json:"index"`
	Data  []byte `json:"data"`
}

// ShardLocation: ShardIndex is stripe × 12 + row.
type ShardLocation struct {
	ShardIndex uint32 `json:"shardIndex"`
	PeerID     uint32 `json:"peerId"`
}

// FileManifest of an uploaded object. FileHash is its root. A TTL of 0 is no end.
type FileManifest struct {
	FileHash       string          `json:"fileHash"`
	FileName       string          `json:"fileName"`
	FileSize       uint64          `json:"fileSize"`
	ShardCount     uint32          `json:"shardCount"`
	ParityCount    uint32          `json:"parityCount"`
	ShardLocations []ShardLocation `json:"shardLocations"`
	Timestamp      time.Time       `json:"timestamp,omitzero"`
	TTL            time.Duration   `json:"ttlNs"`
}

// DiscoveredPeer announced itself on the local network.
type DiscoveredPeer struct {
	PeerID       string    `json:"peerId"`
	Multiaddrs   []string  `json:"multiaddrs"`
	DiscoveredAt time.Time `json:"discoveredAt,omitzero"`
}

// ConfigData are settings that the network's clients keep in a node.
type ConfigData struct {
	NodeID         uint32            `json:"nodeId"`
	CapnpAddr      string            `json:"capnpAddr"`
	Libp2pPort     int32             `json:"libp2pPort"`
	UseLibp2p      bool              `json:"useLibp2p"`
	LocalMode      bool              `json:"localMode"`
	BootstrapPeers []string          `json:"bootstrapPeers"`
	LastSavedAt    string            `json:"lastSavedAt"` // RFC 3339, empty when never saved
	CustomSettings map[string]string `json:"customSettings"`
}

func readNode(_ *reading, from schema.Node) Node {
	return Node{from.Id(), NodeStatus(from.Status()), from.LatencyMs(), from.ThreatScore()}
}

func readUpdate(_ *reading, from schema.NodeUpdate) NodeUpdate {
	return NodeUpdate{from.NodeId(), from.LatencyMs(), from.ThreatScore()}
}

func readQuality(_ *reading, from schema.ConnectionQuality) ConnectionQuality {
	return ConnectionQuality{from.LatencyMs(), from.JitterMs(), from.PacketLoss()}
}

func readNetworkMetrics(_ *reading, from schema.NetworkMetrics) NetworkMetrics {
	return NetworkMetrics{from.AvgRttMs(), from.PacketLoss(), from.BandwidthMbps(), from.PeerCount(), from.CpuUsage(), from.IoCapacity()}
}

func readShard(r *reading, from schema.Shard) Shard { return Shard{from.Index(), r.bytes(from.Data())} }

func readLocation(_ *reading, from schema.ShardLocation) ShardLocation {
	return ShardLocation{from.ShardIndex(), from.PeerId()}
}

func readManifest(r *reading, from schema.FileManifest) FileManifest {
	return FileManifest{
		FileHash: r.text(from.FileHash()), FileName: r.text(from.FileName()), FileSize: from.FileSize(), ShardCount: from.ShardCount(), ParityCount: from.ParityCount(),
		ShardLocations: listOf[schema.ShardLocation_List](r, readLocation)(from.ShardLocations()),
		Timestamp:      time.Unix(from.Timestamp(), 0), TTL: time.Duration(from.Ttl()) * time.Second,
	}
}

func readDiscovered(r *reading, from schema.DiscoveredPeer) DiscoveredPeer {
	return DiscoveredPeer{r.text(from.PeerId()), r.texts(from.Multiaddrs()), time.Unix(from.DiscoveredAt(), 0)}
}

func readConfig(r *reading, from schema.ConfigData) ConfigData {
	settings := map[string]string{}
	for _, pair := range listOf[schema.KeyValue_List](r, readPair)(from.CustomSettings()) {
		settings[pair[0]] = pair[1]
	}
	return ConfigData{
		NodeID: from.NodeId(), CapnpAddr: r.text(from.CapnpAddr()), Libp2pPort: from.Libp2pPort(), UseLibp2p: from.UseLibp2p(), LocalMode: from.LocalMode(),
		BootstrapPeers: r.texts(from.BootstrapPeers()), LastSavedAt: r.text(from.LastSavedAt()), CustomSettings: settings,
	}
}

func readPair(r *reading, from schema.KeyValue) [2]string {
	return [2]string{r.text(from.Key()), r.text(from.Value())}
}

func setConfig(to schema.ConfigData, config ConfigData) error {
	to.SetNodeId(config.NodeID)
	to.SetLibp2pPort(config.Libp2pPort)
	to.SetUseLibp2p(config.UseLibp2p)
	to.SetLocalMode(config.LocalMode)
	if err := errors.Join(to.SetCapnpAddr(config.CapnpAddr), to.SetLastSavedAt(config.LastSavedAt), setTexts(to.NewBootstrapPeers, config.BootstrapPeers)); err != nil {
		return err
	}
	list, err := to.NewCustomSettings(int32(len(config.CustomSettings)))
	if err != nil {
		return err
	}
	for index, key := range slices.Sorted(maps.Keys(config.CustomSettings)) {
		if err := errors.Join(list.At(index).SetKey(key), list.At(index).SetValue(config.CustomSettings[key])); err != nil {
			return err
		}
	}
	return nil
}
