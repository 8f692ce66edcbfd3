package pangea

import "time"

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
	Version          string
	NodeID           uint32
	PeerID           string
	IsPrivateNetwork bool
	IsTokenNeeded    bool
	MaxMessageBytes  uint64
	ChunkBytes       uint32 // best size of a chunk in a put or get
}

// Rights of a session. With OnlyObjects, Read and Remove reach these roots alone. A zero Expires is no end.
type Rights struct {
	Read        bool
	Write       bool
	Remove      bool
	Observe     bool
	Control     bool
	OnlyObjects []string
	Expires     time.Time
}

// ObjectRecord is an object in the node's catalogue. Link is a secret: who has it can read the object.
type ObjectRecord struct {
	Root      string
	Link      string
	Name      string
	Kind      ObjectKind
	Bytes     uint64
	MediaType string
	Created   time.Time
}

// PutResult tells how safe a new object is.
type PutResult struct {
	Object           ObjectRecord
	Acknowledge      Acknowledge // what was asked
	Fsynced          uint32      // holders that answered with fsync
	Holders          uint32
	SurvivesFailures uint32 // so many holders may go before it cannot be read
	StoredBytes      uint64
	Took             time.Duration
}

// GetResult describes what was read.
type GetResult struct {
	Name      string
	MediaType string
	Bytes     uint64
	Took      time.Duration
}

// Holder is a peer with shards of an object.
type Holder struct {
	PeerID string
	Shards uint32
	Live   bool
}

// ObjectInfo is an object with its health.
type ObjectInfo struct {
	Object           ObjectRecord
	StoredBytes      uint64
	Stripes          uint32
	IsStriped        bool
	Holders          []Holder
	ShardsPresent    uint32
	ShardsTotal      uint32
	SurvivesFailures uint32
}

// RemoveResult tells how many holders confirmed that an object is gone.
type RemoveResult struct {
	Root      string
	Confirmed uint32
	Holders   uint32
}

// Part is a part of the node and whether it is up.
type Part struct {
	Part   string
	Up     bool
	Detail string
}

// Status of the node.
type Status struct {
	Version            string
	NodeID             uint32
	PeerID             string
	IsPrivateNetwork   bool
	Started            time.Time
	Ready              bool
	Parts              []Part
	PeersKnown         uint32
	PeersConnected     uint32
	StoreLiveBytes     uint64
	StoreGarbageBytes  uint64
	StoreFreeBytes     uint64
	StoreRecords       uint64
	ObjectsHeld        uint64
	ObjectsCatalogue   uint64
	ObjectsUnderRepair uint64
	MemoryBytes        uint64
	QuicAddresses      []string
	Multiaddrs         []string
	HTTPAddress        string
	RPCAddress         string
	Reachability       string // public, private, unknown
}

// NodeStatus is a node's status in the network's registry.
type NodeStatus uint32

const (
	NodeActive NodeStatus = iota
	NodePurgatory
	NodeDead
)

// Peer as the node sees it. Figures that were never measured are NaN, FreeBytes then is -1, LastSeen zero.
type Peer struct {
	PeerID            string
	NodeID            uint32
	IsNodeIDKnown     bool
	IsNodeIDAmbiguous bool // two peers carry this label
	Status            NodeStatus
	LatencyMs         float64
	JitterMs          float64
	PacketLoss        float64 // 0 to 1
	ThreatScore       float64 // 0 to 1
	Health            float64 // 0 to 1
	LastSeen          time.Time
	Connected         bool
	QuicAddresses     []string
	Multiaddrs        []string
	Storing           bool
	FreeBytes         int64
	FailureDomain     string
	Version           string
	Path              string // direct, punched, relayed; empty when not connected
}

// Plan says which variant of each stage the node runs, and why.
type Plan struct {
	Stages []Stage
	Notes  []string
}

// Stage of a Plan. BytesPerSecond is NaN when it was not measured.
type Stage struct {
	Stage          string
	Chosen         string
	Why            string
	Forced         bool
	BytesPerSecond float64
	Rejected       []Candidate
}

// Candidate that was not chosen.
type Candidate struct {
	Path string
	Why  string
}

// FirewallState of the node. Allow are CIDR blocks.
type FirewallState struct {
	Mode     string
	Allow    []string
	Counters []FirewallCounter
}

// FirewallCounter of one listener: quic, libp2p, http or rpc.
type FirewallCounter struct {
	Listener string
	Allowed  uint64
	Denied   uint64
}

// RepairState of the node.
type RepairState struct {
	Paused             bool
	ObjectsHeld        uint64
	ObjectsUnderRepair uint64
	ShardsRestored     uint64 // since the node started
	Last               RepairRound
}

// RepairRound that ended; a zero Ended is none yet.
type RepairRound struct {
	Ended              time.Time
	ObjectsChecked     uint64
	ShardsRestored     uint64
	ObjectsBelowTarget uint64
	ObjectsUnreadable  uint64
}

// RepairAction is what ControlRepair does.
type RepairAction uint16

const (
	RepairRunOnce RepairAction = iota
	RepairPause
	RepairResume
)
