package memnode

import (
	"bytes"
	"context"
	"errors"

	"pangea-node/clients/go/internal/schema"
)

// service has the methods of NodeService that `bootstrap` offers; calling another would be a bug there.
type service struct {
	schema.PangeaNode_Server
	node *Node
}

func (s service) GetNode(_ context.Context, call schema.NodeService_getNode) error {
	query, err := call.Args().Query()
	if err != nil {
		return err
	}
	if query.NodeId() != 7 {
		return errors.New("NOT_FOUND: no node has this label")
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	node, err := answer.NewNode()
	node.SetId(7)
	node.SetLatencyMs(1.5)
	return err
}

func (s service) GetAllNodes(_ context.Context, call schema.NodeService_getAllNodes) error {
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	nodes, err := answer.NewNodes()
	if err != nil {
		return err
	}
	list, err := nodes.NewNodes(2)
	if err != nil {
		return err
	}
	list.At(0).SetId(7)
	list.At(1).SetId(8)
	list.At(1).SetStatus(2)
	return nil
}

func (s service) UpdateNode(_ context.Context, call schema.NodeService_updateNode) error {
	update, err := call.Args().Update()
	if err != nil {
		return err
	}
	answer, err := call.AllocResults()
	answer.SetSuccess(update.NodeId() == 7)
	return err
}

func (s service) UpdateLatency(_ context.Context, call schema.NodeService_updateLatency) error {
	answer, err := call.AllocResults()
	answer.SetSuccess(call.Args().LatencyMs() > 0)
	return err
}

// StreamUpdates has nothing to tell: it waits until the caller gives up.
func (s service) StreamUpdates(ctx context.Context, call schema.NodeService_streamUpdates) error {
	call.Go()
	<-ctx.Done()
	return ctx.Err()
}

func (s service) ConnectToPeer(_ context.Context, call schema.NodeService_connectToPeer) error {
	peer, err := call.Args().Peer()
	if err != nil {
		return err
	}
	host, err := peer.Host()
	if err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	answer.SetSuccess(host == "127.0.0.1" && peer.Port() == 9090)
	quality, err := answer.NewQuality()
	quality.SetLatencyMs(2)
	return err
}

func (s service) GetConnectionQuality(_ context.Context, call schema.NodeService_getConnectionQuality) error {
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	quality, err := answer.NewQuality()
	quality.SetJitterMs(float32(call.Args().PeerId()))
	return err
}

func (s service) DisconnectPeer(_ context.Context, call schema.NodeService_disconnectPeer) error {
	answer, err := call.AllocResults()
	answer.SetSuccess(call.Args().PeerId() == 8)
	return err
}

func (s service) SendMessage(_ context.Context, call schema.NodeService_sendMessage) error {
	message, err := call.Args().Msg()
	if err != nil {
		return err
	}
	data, err := message.Data()
	if err != nil {
		return err
	}
	s.node.with(func() { s.node.Messages = append(s.node.Messages, bytes.Clone(data)) })
	answer, err := call.AllocResults()
	answer.SetSuccess(true)
	return err
}

func (s service) GetConnectedPeers(_ context.Context, call schema.NodeService_getConnectedPeers) error {
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	list, err := answer.NewPeers(1)
	if err == nil {
		list.Set(0, 8)
	}
	return err
}

func (s service) GetNetworkMetrics(_ context.Context, call schema.NodeService_getNetworkMetrics) error {
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	metrics, err := answer.NewMetrics()
	metrics.SetPeerCount(1)
	return err
}

func (s service) GetLocalMultiaddr(_ context.Context, call schema.NodeService_getLocalMultiaddr) error {
	answer, err := call.AllocResults()
	return errors.Join(err, answer.SetMultiaddr("/ip4/127.0.0.1/tcp/9091"))
}

func (s service) ListLibp2pPeers(_ context.Context, call schema.NodeService_listLibp2pPeers) error {
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	list, err := answer.NewPeers(1)
	return errors.Join(err, list.Set(0, "12D3KooWOther"))
}

func (s service) GetMdnsDiscovered(_ context.Context, call schema.NodeService_getMdnsDiscovered) error {
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	list, err := answer.NewPeers(1)
	list.At(0).SetDiscoveredAt(1_700_000_000)
	return errors.Join(err, list.At(0).SetPeerId("12D3KooWOther"))
}

func (s service) ConnectMdnsPeer(_ context.Context, call schema.NodeService_connectMdnsPeer) error {
	answer, err := call.AllocResults()
	return errors.Join(err, answer.SetErrorMsg("NOT_FOUND: this peer did not announce itself"))
}

func (s service) LoadConfig(_ context.Context, call schema.NodeService_loadConfig) error {
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	answer.SetSuccess(true)
	config, err := answer.NewConfig()
	if err != nil {
		return err
	}
	s.node.mutex.Lock()
	defer s.node.mutex.Unlock()
	list, err := config.NewCustomSettings(int32(len(s.node.settings)))
	index := 0
	for key, value := range s.node.settings {
		err = errors.Join(err, list.At(index).SetKey(key), list.At(index).SetValue(value))
		index++
	}
	return err
}

func (s service) SaveConfig(_ context.Context, call schema.NodeService_saveConfig) error {
	config, err := call.Args().Config()
	if err != nil {
		return err
	}
	list, err := config.CustomSettings()
	if err != nil {
		return err
	}
	settings := map[string]string{}
	for index := range list.Len() {
		key, keyErr := list.At(index).Key()
		value, valueErr := list.At(index).Value()
		err = errors.Join(err, keyErr, valueErr)
		settings[key] = value
	}
	s.node.with(func() { s.node.settings = settings })
	answer, allocErr := call.AllocResults()
	answer.SetSuccess(true)
	return errors.Join(err, allocErr)
}

func (s service) UpdateConfigValue(_ context.Context, call schema.NodeService_updateConfigValue) error {
	key, err := call.Args().Key()
	if err != nil {
		return err
	}
	value, err := call.Args().Value()
	if err != nil {
		return err
	}
	s.node.with(func() { s.node.settings[key] = value })
	answer, err := call.AllocResults()
	answer.SetSuccess(true)
	return err
}
