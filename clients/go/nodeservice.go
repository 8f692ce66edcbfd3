package pangea

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	capnp "capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/rpc"

	"pangea-node/clients/go/internal/schema"
)

// NodeService is what every node of the network offers, under the names that it has there. Nodes are named by their
// labels, which are no identities. A call that this kind of node does not offer fails with ErrNotSupported.
type NodeService struct {
	socket     net.Conn
	connection *rpc.Conn
	node       schema.NodeService
	close      sync.Once
	closeErr   error
}

// closePatience is how long Close waits for the RPC library to put its things away, which can hang when the other side goes
// in the same moment.
const closePatience = 2 * time.Second

// Close ends the connection. It is safe to repeat.
func (n *NodeService) Close() error {
	n.close.Do(func() {
		n.node.Release()
		closed := make(chan error, 1)
		go func() { closed <- n.connection.Close() }()
		select {
		case n.closeErr = <-closed:
		case <-time.After(closePatience):
			n.closeErr = n.socket.Close()
		}
		// That the other side was first is what the caller wanted.
		if n.closeErr != nil && (capnp.IsDisconnected(n.closeErr) || errors.Is(n.closeErr, net.ErrClosed) || errors.Is(n.closeErr, rpc.ErrConnClosed)) {
			n.closeErr = nil
		}
	})
	return n.closeErr
}

// Done is closed when the connection ended.
func (n *NodeService) Done() <-chan struct{} { return n.connection.Done() }

func success[R interface{ Success() bool }](_ *reading, answer R) bool { return answer.Success() }

// GetNode gives what the node knows of another one, or of itself.
func (n *NodeService) GetNode(ctx context.Context, nodeID uint32) (Node, error) {
	fill := func(p schema.NodeService_getNode_Params) error {
		query, err := p.NewQuery()
		if err == nil {
			query.SetNodeId(nodeID)
		}
		return err
	}
	return ask(ctx, n.node.GetNode, fill, func(r *reading, answer schema.NodeService_getNode_Results) Node {
		return structOf(r, readNode)(answer.Node())
	})
}

// GetAllNodes gives all nodes that it knows, itself first.
func (n *NodeService) GetAllNodes(ctx context.Context) ([]Node, error) {
	return ask(ctx, n.node.GetAllNodes, nothing[schema.NodeService_getAllNodes_Params], func(r *reading, answer schema.NodeService_getAllNodes_Results) []Node {
		list, err := answer.Nodes()
		r.fail(err)
		return listOf[schema.Node_List](r, readNode)(list.Nodes())
	})
}

// UpdateNode claims a latency and threat score for a node. Claims are shown to others and steer nothing.
func (n *NodeService) UpdateNode(ctx context.Context, update NodeUpdate) (bool, error) {
	fill := func(p schema.NodeService_updateNode_Params) error {
		to, err := p.NewUpdate()
		if err == nil {
			to.SetNodeId(update.NodeID)
			to.SetLatencyMs(update.LatencyMs)
			to.SetThreatScore(update.ThreatScore)
		}
		return err
	}
	return ask(ctx, n.node.UpdateNode, fill, success[schema.NodeService_updateNode_Results])
}

// UpdateLatency claims a latency for a node.
func (n *NodeService) UpdateLatency(ctx context.Context, nodeID uint32, latencyMs float32) (bool, error) {
	fill := func(p schema.NodeService_updateLatency_Params) error {
		p.SetNodeId(nodeID)
		p.SetLatencyMs(latencyMs)
		return nil
	}
	return ask(ctx, n.node.UpdateLatency, fill, success[schema.NodeService_updateLatency_Results])
}

// StreamUpdates waits for the next change of any node and gives it.
func (n *NodeService) StreamUpdates(ctx context.Context) (NodeUpdate, error) {
	return ask(ctx, n.node.StreamUpdates, nothing[schema.NodeService_streamUpdates_Params], func(r *reading, answer schema.NodeService_streamUpdates_Results) NodeUpdate {
		return structOf(r, readUpdate)(answer.Update())
	})
}

// ConnectToPeer dials a node, and tells whether that went well and how good the way is.
func (n *NodeService) ConnectToPeer(ctx context.Context, peer PeerAddress) (bool, ConnectionQuality, error) {
	type connected struct {
		success bool
		quality ConnectionQuality
	}
	fill := func(p schema.NodeService_connectToPeer_Params) error {
		to, err := p.NewPeer()
		if err != nil {
			return err
		}
		to.SetPeerId(peer.PeerID)
		to.SetPort(peer.Port)
		return to.SetHost(peer.Host)
	}
	made, err := ask(ctx, n.node.ConnectToPeer, fill, func(r *reading, answer schema.NodeService_connectToPeer_Results) connected {
		return connected{answer.Success(), structOf(r, readQuality)(answer.Quality())}
	})
	return made.success, made.quality, err
}

// SendMessage gives at most 64 KiB to a node, and tells whether it took them.
func (n *NodeService) SendMessage(ctx context.Context, toPeerID uint32, data []byte) (bool, error) {
	fill := func(p schema.NodeService_sendMessage_Params) error {
		message, err := p.NewMsg()
		if err != nil {
			return err
		}
		message.SetToPeerId(toPeerID)
		return message.SetData(data)
	}
	return ask(ctx, n.node.SendMessage, fill, success[schema.NodeService_sendMessage_Results])
}

// GetConnectionQuality of the way to a node.
func (n *NodeService) GetConnectionQuality(ctx context.Context, peerID uint32) (ConnectionQuality, error) {
	fill := func(p schema.NodeService_getConnectionQuality_Params) error {
		p.SetPeerId(peerID)
		return nil
	}
	return ask(ctx, n.node.GetConnectionQuality, fill, func(r *reading, answer schema.NodeService_getConnectionQuality_Results) ConnectionQuality {
		return structOf(r, readQuality)(answer.Quality())
	})
}

// DisconnectPeer ends the connection to a node.
func (n *NodeService) DisconnectPeer(ctx context.Context, peerID uint32) (bool, error) {
	fill := func(p schema.NodeService_disconnectPeer_Params) error {
		p.SetPeerId(peerID)
		return nil
	}
	return ask(ctx, n.node.DisconnectPeer, fill, success[schema.NodeService_disconnectPeer_Results])
}

// GetConnectedPeers gives the labels of the nodes that it is connected to.
func (n *NodeService) GetConnectedPeers(ctx context.Context) ([]uint32, error) {
	return ask(ctx, n.node.GetConnectedPeers, nothing[schema.NodeService_getConnectedPeers_Params], func(r *reading, answer schema.NodeService_getConnectedPeers_Results) []uint32 {
		return r.numbers(answer.Peers())
	})
}

// GetNetworkMetrics as the node sees them.
func (n *NodeService) GetNetworkMetrics(ctx context.Context) (NetworkMetrics, error) {
	return ask(ctx, n.node.GetNetworkMetrics, nothing[schema.NodeService_getNetworkMetrics_Params], func(r *reading, answer schema.NodeService_getNetworkMetrics_Results) NetworkMetrics {
		return structOf(r, readNetworkMetrics)(answer.Metrics())
	})
}

// GetLocalMultiaddr gives where others reach the node over libp2p.
func (n *NodeService) GetLocalMultiaddr(ctx context.Context) (string, error) {
	return ask(ctx, n.node.GetLocalMultiaddr, nothing[schema.NodeService_getLocalMultiaddr_Params], func(r *reading, answer schema.NodeService_getLocalMultiaddr_Results) string {
		return r.text(answer.Multiaddr())
	})
}

// ListLibp2pPeers gives the ids of connected libp2p peers.
func (n *NodeService) ListLibp2pPeers(ctx context.Context) ([]string, error) {
	return ask(ctx, n.node.ListLibp2pPeers, nothing[schema.NodeService_listLibp2pPeers_Params], func(r *reading, answer schema.NodeService_listLibp2pPeers_Results) []string {
		return r.texts(answer.Peers())
	})
}

// GetMdnsDiscovered gives peers that announced themselves on the local network.
func (n *NodeService) GetMdnsDiscovered(ctx context.Context) ([]DiscoveredPeer, error) {
	return ask(ctx, n.node.GetMdnsDiscovered, nothing[schema.NodeService_getMdnsDiscovered_Params], func(r *reading, answer schema.NodeService_getMdnsDiscovered_Results) []DiscoveredPeer {
		return listOf[schema.DiscoveredPeer_List](r, readDiscovered)(answer.Peers())
	})
}

// verdict is how the network's older calls say that they failed.
type verdict interface {
	Success() bool
	ErrorMsg() (string, error)
}

func (r *reading) verdict(answer verdict) error {
	message := r.text(answer.ErrorMsg())
	if r.err != nil || answer.Success() {
		return r.err
	}
	return told(message)
}

// ConnectMdnsPeer dials a peer that announced itself.
func (n *NodeService) ConnectMdnsPeer(ctx context.Context, peerID string) error {
	refused, err := ask(ctx, n.node.ConnectMdnsPeer, func(p schema.NodeService_connectMdnsPeer_Params) error {
		return p.SetPeerID(peerID)
	}, func(r *reading, answer schema.NodeService_connectMdnsPeer_Results) error { return r.verdict(answer) })
	return first(err, refused)
}

// LoadConfig gives the settings that the network's clients keep in the node.
func (n *NodeService) LoadConfig(ctx context.Context) (ConfigData, error) {
	type loaded struct {
		config  ConfigData
		refused error
	}
	answer, err := ask(ctx, n.node.LoadConfig, nothing[schema.NodeService_loadConfig_Params], func(r *reading, answer schema.NodeService_loadConfig_Results) loaded {
		return loaded{structOf(r, readConfig)(answer.Config()), r.verdict(answer)}
	})
	return answer.config, first(err, answer.refused)
}

// SaveConfig replaces them.
func (n *NodeService) SaveConfig(ctx context.Context, config ConfigData) error {
	refused, err := ask(ctx, n.node.SaveConfig, func(p schema.NodeService_saveConfig_Params) error {
		to, err := p.NewConfig()
		if err != nil {
			return err
		}
		return setConfig(to, config)
	}, func(r *reading, answer schema.NodeService_saveConfig_Results) error { return r.verdict(answer) })
	return first(err, refused)
}

// UpdateConfigValue sets one of them, and tells whether the node took it.
func (n *NodeService) UpdateConfigValue(ctx context.Context, key, value string) (bool, error) {
	fill := func(p schema.NodeService_updateConfigValue_Params) error {
		if err := p.SetKey(key); err != nil {
			return err
		}
		return p.SetValue(value)
	}
	return ask(ctx, n.node.UpdateConfigValue, fill, success[schema.NodeService_updateConfigValue_Results])
}

func first(errors ...error) error {
	for _, err := range errors {
		if err != nil {
			return err
		}
	}
	return nil
}

// Capability is the bootstrap capability as Cap'n Proto knows it. The caller releases it.
func (n *NodeService) Bootstrap() capnp.Client { return capnp.Client(n.node.AddRef()) }
