package pangea

import (
	"encoding/json"
	"math"
	"time"
)

// Acknowledge says when a put is answered: how many holders must have it, and whether they fsynced.
type Acknowledge uint16

const (
	AcknowledgeDefault Acknowledge = iota // what the node is configured to
	AcknowledgeMemory                     // holders have it in memory
	AcknowledgeSome                       // enough holders to read it answered with fsync
	AcknowledgeAll                        // all holders answered with fsync
)

// ObjectKind tells a file from a directory.
type ObjectKind uint16

const (
	KindFile ObjectKind = iota
	KindDirectory
)

// About is what a node says of itself to anybody.
type About struct {
	Version          string `json:"version"`
	NodeID           uint32 `json:"nodeId"`
	PeerID           string `json:"peerId"`
	IsPrivateNetwork bool   `json:"isPrivateNetwork"`
	IsTokenNeeded    bool   `json:"isTokenNeeded"`
	MaxMessageBytes  uint64 `json:"maxMessageBytes"`
	ChunkBytes       uint32 `json:"chunkBytes"` // best size of a chunk in a put or get
}

// Rights of a session. With OnlyObjects, Read and Remove reach these roots alone. A zero Expires is no end.
type Rights struct {
	Read        bool      `json:"read"`
	Write       bool      `json:"write"`
	Remove      bool      `json:"remove"`
	Observe     bool      `json:"observe"`
	Control     bool      `json:"control"`
	OnlyObjects []string  `json:"onlyObjects"`
	Expires     time.Time `json:"expires,omitzero"`
}

// ObjectRecord is an object in the node's catalogue. Link is a secret: who has it can read the object.
type ObjectRecord struct {
	Root      string     `json:"root"`
	Link      string     `json:"link"`
	Name      string     `json:"name"`
	Kind      ObjectKind `json:"kind"`
	Bytes     uint64     `json:"bytes"`
	MediaType string     `json:"mediaType"`
	Created   time.Time  `json:"created,omitzero"`
}

// PutResult tells how safe a new object is.
type PutResult struct {
	Object           ObjectRecord  `json:"object"`
	Acknowledge      Acknowledge   `json:"acknowledge"` // what was asked
	Fsynced          uint32        `json:"fsynced"`     // holders that answered with fsync
	Holders          uint32        `json:"holders"`
	SurvivesFailures uint32        `json:"survivesFailures"` // so many holders may go before it cannot be read
	StoredBytes      uint64        `json:"storedBytes"`
	Took             time.Duration `json:"tookNs"`
}

// GetResult describes what was read.
type GetResult struct {
	Name      string        `json:"name"`
	MediaType string        `json:"mediaType"`
	Bytes     uint64        `json:"bytes"`
	Took      time.Duration `json:"tookNs"`
}

// Holder is a peer with shards of an object.
type Holder struct {
	PeerID string `json:"peerId"`
	Shards uint32 `json:"shards"`
	Live   bool   `json:"live"`
}

// ObjectInfo is an object with its health.
type ObjectInfo struct {
	Object           ObjectRecord `json:"object"`
	StoredBytes      uint64       `json:"storedBytes"`
	Stripes          uint32       `json:"stripes"`
	IsStriped        bool         `json:"isStriped"`
	Holders          []Holder     `json:"holders"`
	ShardsPresent    uint32       `json:"shardsPresent"`
	ShardsTotal      uint32       `json:"shardsTotal"`
	SurvivesFailures uint32       `json:"survivesFailures"`
}

// RemoveResult tells how many holders confirmed that an object is gone.
type RemoveResult struct {
	Root      string `json:"root"`
	Confirmed uint32 `json:"confirmed"`
	Holders   uint32 `json:"holders"`
}

// Part is a part of the node and whether it is up.
type Part struct {
	Part   string `json:"part"`
	Up     bool   `json:"up"`
	Detail string `json:"detail"`
}

// Status of the node.
type Status struct {
	Version            string    `json:"version"`
	NodeID             uint32    `json:"nodeId"`
	PeerID             string    `json:"peerId"`
	IsPrivateNetwork   bool      `json:"isPrivateNetwork"`
	Started            time.Time `json:"started,omitzero"`
	Ready              bool      `json:"ready"`
	Parts              []Part    `json:"parts"`
	PeersKnown         uint32    `json:"peersKnown"`
	PeersConnected     uint32    `json:"peersConnected"`
	StoreLiveBytes     uint64    `json:"storeLiveBytes"`
	StoreGarbageBytes  uint64    `json:"storeGarbageBytes"`
	StoreFreeBytes     uint64    `json:"storeFreeBytes"`
	StoreRecords       uint64    `json:"storeRecords"`
	ObjectsHeld        uint64    `json:"objectsHeld"`
	ObjectsCatalogue   uint64    `json:"objectsCatalogue"`
	ObjectsUnderRepair uint64    `json:"objectsUnderRepair"`
	MemoryBytes        uint64    `json:"memoryBytes"`
	QuicAddresses      []string  `json:"quicAddresses"`
	Multiaddrs         []string  `json:"multiaddrs"`
	HTTPAddress        string    `json:"httpAddress"`
	RPCAddress         string    `json:"rpcAddress"`
	Reachability       string    `json:"reachability"` // public, private, unknown
}

// NodeStatus is a node's status in the network's registry.
type NodeStatus uint32

const (
	NodeActive NodeStatus = iota
	NodePurgatory
	NodeDead
)

// Figure is a measured number, NaN when it was not measured; in JSON that is null.
type Figure float64

// MarshalJSON gives null for NaN and infinities, which JSON cannot say.
func (f Figure) MarshalJSON() ([]byte, error) {
	if value := float64(f); !math.IsNaN(value) && !math.IsInf(value, 0) {
		return json.Marshal(value)
	}
	return []byte("null"), nil
}

// Peer as the node sees it. Figures that were never measured are NaN, FreeBytes then is -1, LastSeen zero.
type Peer struct {
	PeerID            string     `json:"peerId"`
	NodeID            uint32     `json:"nodeId"`
	IsNodeIDKnown     bool       `json:"isNodeIdKnown"`
	IsNodeIDAmbiguous bool       `json:"isNodeIdAmbiguous"` // two peers carry this label
	Status            NodeStatus `json:"status"`
	LatencyMs         Figure     `json:"latencyMs"`
	JitterMs          Figure     `json:"jitterMs"`
	PacketLoss        Figure     `json:"packetLoss"`  // 0 to 1
	ThreatScore       float64    `json:"threatScore"` // 0 to 1
	Health            Figure     `json:"health"`      // 0 to 1
	LastSeen          time.Time  `json:"lastSeen,omitzero"`
	Connected         bool       `json:"connected"`
	QuicAddresses     []string   `json:"quicAddresses"`
	Multiaddrs        []string   `json:"multiaddrs"`
	Storing           bool       `json:"storing"`
	FreeBytes         int64      `json:"freeBytes"`
	FailureDomain     string     `json:"failureDomain"`
	Version           string     `json:"version"`
	Path              string     `json:"path"` // direct, punched, relayed; empty when not connected
}

// Plan says which variant of each stage the node runs, and why.
type Plan struct {
	Stages []Stage  `json:"stages"`
	Notes  []string `json:"notes"`
}

// Stage of a Plan. BytesPerSecond is NaN when it was not measured.
type Stage struct {
	Stage          string      `json:"stage"`
	Chosen         string      `json:"chosen"`
	Why            string      `json:"why"`
	Forced         bool        `json:"forced"`
	BytesPerSecond Figure      `json:"bytesPerSecond"`
	Rejected       []Candidate `json:"rejected"`
}

// Candidate that was not chosen.
type Candidate struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// FirewallState of the node. Allow are CIDR blocks.
type FirewallState struct {
	Mode     string            `json:"mode"`
	Allow    []string          `json:"allow"`
	Counters []FirewallCounter `json:"counters"`
}

// FirewallCounter of one listener: quic, libp2p, http or rpc.
type FirewallCounter struct {
	Listener string `json:"listener"`
	Allowed  uint64 `json:"allowed"`
	Denied   uint64 `json:"denied"`
}

// RepairState of the node.
type RepairState struct {
	Paused             bool        `json:"paused"`
	ObjectsHeld        uint64      `json:"objectsHeld"`
	ObjectsUnderRepair uint64      `json:"objectsUnderRepair"`
	ShardsRestored     uint64      `json:"shardsRestored"` // since the node started
	Last               RepairRound `json:"last"`
}

// RepairRound that ended; a zero Ended is none yet.
type RepairRound struct {
	Ended              time.Time `json:"ended,omitzero"`
	ObjectsChecked     uint64    `json:"objectsChecked"`
	ShardsRestored     uint64    `json:"shardsRestored"`
	ObjectsBelowTarget uint64    `json:"objectsBelowTarget"`
	ObjectsUnreadable  uint64    `json:"objectsUnreadable"`
}

// RepairAction is what ControlRepair does.
type RepairAction uint16

const (
	RepairRunOnce RepairAction = iota
	RepairPause
	RepairResume
)
