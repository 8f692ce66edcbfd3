package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"crypto/ed25519"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	kad "github.com/libp2p/go-libp2p-kad-dht"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	record "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multihash"
)

const (
	identifyVersion = "/pangea/1.0.0"
	kadPrefix       = "/pangea"
	keptMessages    = 1024
)

type message struct {
	From string `json:"from"`
	Data string `json:"data"`
}

type peerNode struct {
	host   host.Host
	key    crypto.PrivKey
	dht    *kad.IpfsDHT
	pubsub *pubsub.PubSub
	shards shardStore

	mutex      sync.Mutex
	topics     map[string]*pubsub.Topic
	messages   map[string][]message
	discovered map[string][]string
}

func startPeer(asked request) (*peerNode, error) {
	node, err := newPeer(asked)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	if node.pubsub, err = pubsub.NewGossipSub(ctx, node.host); err != nil {
		return nil, err
	}
	node.host.SetStreamHandler(shardProtocol, node.serveShards)
	if asked.Mdns != "" {
		if err := mdns.NewMdnsService(node.host, asked.Mdns, node).Start(); err != nil {
			return nil, err
		}
	}
	return node, nil
}

// newPeer makes host and DHT, which is all that a node of a crowd is.
func newPeer(asked request) (*peerNode, error) {
	seed, err := hex.DecodeString(asked.Seed)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, errors.New("seed is not 32 bytes in hex")
	}
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return nil, err
	}
	// Hundreds of nodes share a machine and its file descriptors; Kademlia protects those it needs.
	low, high := 512, 1024
	if asked.Op == "crowd" {
		low, high = 48, 96
	}
	connections, err := connmgr.NewConnManager(low, high, connmgr.WithGracePeriod(10*time.Second))
	if err != nil {
		return nil, err
	}
	options := []libp2p.Option{
		libp2p.Identity(key), libp2p.ListenAddrStrings(asked.Listen...), libp2p.ConnectionManager(connections),
		libp2p.ProtocolVersion(identifyVersion),
		libp2p.ResourceManager(&network.NullResourceManager{}), libp2p.DisableMetrics(),
	}
	if asked.Relay {
		options = append(options, libp2p.EnableRelayService(), libp2p.ForceReachabilityPublic())
	}
	if asked.Op == "crowd" {
		// What it does not speak need not be started five hundred times.
		options = append(options, libp2p.NoTransports, libp2p.Transport(tcp.NewTCPTransport), libp2p.DisableRelay())
	}
	made, err := libp2p.New(options...)
	if err != nil {
		return nil, err
	}
	node := &peerNode{
		host: made, key: key,
		topics: map[string]*pubsub.Topic{}, messages: map[string][]message{}, discovered: map[string][]string{},
		shards: shardStore{held: map[shardName][]byte{}},
	}
	bootstrap, err := peer.AddrInfosFromP2pAddrs(multiaddrs(asked.Bootstrap)...)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	settings := []kad.Option{
		kad.ProtocolPrefix(kadPrefix), kad.Mode(kad.ModeServer), kad.BootstrapPeers(bootstrap...),
		kad.Validator(record.NamespacedValidator{"pangea": validator{}}),
	}
	if asked.Op == "crowd" {
		// A refresh of hundreds of tables at one time is all that the machine would do.
		settings = append(settings, kad.DisableAutoRefresh())
	}
	if node.dht, err = kad.New(ctx, made, settings...); err != nil {
		return nil, err
	}
	var failures []error
	for _, info := range bootstrap {
		if err := made.Connect(ctx, info); err != nil {
			failures = append(failures, err)
		}
	}
	// One way in is enough.
	if len(bootstrap) > 0 && len(failures) == len(bootstrap) {
		return nil, fmt.Errorf("bootstrap: %w", errors.Join(failures...))
	}
	return node, node.dht.Bootstrap(ctx)
}

// HandlePeerFound is what mDNS calls.
func (n *peerNode) HandlePeerFound(info peer.AddrInfo) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, address := range info.Addrs {
		n.discovered[info.ID.String()] = append(n.discovered[info.ID.String()], address.String())
	}
}

func (n *peerNode) addresses() []string {
	var all []string
	for _, address := range n.host.Addrs() {
		all = append(all, fmt.Sprintf("%s/p2p/%s", address, n.host.ID()))
	}
	return all
}

// connect dials with the addresses known so far, those of the DHT included.
func (n *peerNode) connect(ctx context.Context, text string) (peer.ID, error) {
	if strings.HasPrefix(text, "/") {
		info, err := peer.AddrInfoFromString(text)
		if err != nil {
			return "", err
		}
		return info.ID, n.host.Connect(ctx, *info)
	}
	id, err := peer.Decode(text)
	if err != nil || n.host.Network().Connectedness(id) == network.Connected {
		return id, err
	}
	info, err := n.dht.FindPeer(ctx, id)
	if err != nil {
		return "", err
	}
	return id, n.host.Connect(ctx, info)
}

func (n *peerNode) subscribe(topic string) error {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if _, there := n.topics[topic]; there {
		return nil
	}
	if topic == nodesTopic {
		if err := n.pubsub.RegisterTopicValidator(topic, judge); err != nil {
			return err
		}
	}
	joined, err := n.pubsub.Join(topic)
	if err != nil {
		return err
	}
	subscription, err := joined.Subscribe()
	if err != nil {
		return err
	}
	n.topics[topic] = joined
	go func() {
		for {
			next, err := subscription.Next(context.Background())
			if err != nil {
				return
			}
			n.mutex.Lock()
			if len(n.messages[topic]) < keptMessages {
				n.messages[topic] = append(n.messages[topic], message{next.GetFrom().String(), hex.EncodeToString(next.Data)})
			}
			n.mutex.Unlock()
		}
	}()
	return nil
}

func (n *peerNode) publish(ctx context.Context, topic string, data []byte) error {
	n.mutex.Lock()
	joined := n.topics[topic]
	n.mutex.Unlock()
	if joined == nil {
		return errors.New("not subscribed")
	}
	return joined.Publish(ctx, data)
}

func (n *peerNode) providers(ctx context.Context, key string, limit int) ([]peer.AddrInfo, error) {
	target, err := providerKey(key)
	if err != nil {
		return nil, err
	}
	var found []peer.AddrInfo
	for info := range n.dht.FindProvidersAsync(ctx, target, limit) {
		found = append(found, info)
	}
	return found, nil
}

// providerKey takes 32 bytes in hex: they are a hash already.
func providerKey(text string) (cid.Cid, error) {
	key, err := hex.DecodeString(text)
	if err != nil {
		return cid.Undef, err
	}
	hash, err := multihash.Encode(key, multihash.SHA2_256)
	if err != nil || len(key) != 32 {
		return cid.Undef, errors.New("a key has 32 bytes")
	}
	return cid.NewCidV0(hash), nil
}
