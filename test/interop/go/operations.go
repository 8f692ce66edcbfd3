package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

type found struct {
	Peer      string   `json:"peer"`
	Addresses []string `json:"addresses"`
}

var operations = map[string]func(context.Context, *peerNode, request) (answer, error){
	"dial": func(ctx context.Context, n *peerNode, asked request) (answer, error) {
		id, err := n.connect(ctx, asked.Address)
		return answer{"peer": id.String()}, err
	},
	"connected": func(_ context.Context, n *peerNode, _ request) (answer, error) {
		paths := map[string]string{}
		for _, connection := range n.host.Network().Conns() {
			paths[connection.RemotePeer().String()] = connection.RemoteMultiaddr().String()
		}
		return answer{"peers": paths, "table": n.dht.RoutingTable().Size()}, nil
	},
	"provide": func(ctx context.Context, n *peerNode, asked request) (answer, error) {
		key, err := providerKey(asked.Key)
		if err != nil {
			return nil, err
		}
		return answer{}, n.dht.Provide(ctx, key, true)
	},
	"providers": func(ctx context.Context, n *peerNode, asked request) (answer, error) {
		infos, err := n.providers(ctx, asked.Key, max(asked.Count, 1))
		return answer{"peers": foundOf(infos)}, err
	},
	"put": func(ctx context.Context, n *peerNode, asked request) (answer, error) {
		value, err := hex.DecodeString(asked.Value)
		if err != nil {
			return nil, err
		}
		return answer{}, n.dht.PutValue(ctx, asked.Key, value)
	},
	"get": func(ctx context.Context, n *peerNode, asked request) (answer, error) {
		value, err := n.dht.GetValue(ctx, asked.Key)
		return answer{"value": hex.EncodeToString(value)}, err
	},
	"closest": func(ctx context.Context, n *peerNode, asked request) (answer, error) {
		key, err := providerKey(asked.Key)
		if err != nil {
			return nil, err
		}
		ids, err := n.dht.GetClosestPeers(ctx, string(key.Hash()))
		var infos []peer.AddrInfo
		for _, id := range ids {
			infos = append(infos, n.host.Peerstore().PeerInfo(id))
		}
		return answer{"peers": foundOf(infos)}, err
	},
	"record": func(_ context.Context, n *peerNode, asked request) (answer, error) {
		record, err := signRecord(n.key, statement{
			sequence: asked.Sequence, expires: asked.Expires, label: asked.Label, version: "go", addresses: n.addresses(),
		})
		return answer{"value": hex.EncodeToString(record)}, err
	},
	"read-record": func(_ context.Context, _ *peerNode, asked request) (answer, error) {
		value, err := hex.DecodeString(asked.Value)
		if err != nil {
			return nil, err
		}
		said, err := parseRecord(value)
		return answer{
			"peer": said.peer.String(), "sequence": said.sequence, "expires": said.expires, "label": said.label,
			"version": said.version, "addresses": said.addresses,
		}, err
	},
	"subscribe": func(_ context.Context, n *peerNode, asked request) (answer, error) {
		return answer{}, n.subscribe(asked.Topic)
	},
	"publish": func(ctx context.Context, n *peerNode, asked request) (answer, error) {
		data, err := hex.DecodeString(asked.Value)
		if err != nil {
			return nil, err
		}
		return answer{}, n.publish(ctx, asked.Topic, data)
	},
	"messages": func(_ context.Context, n *peerNode, asked request) (answer, error) {
		n.mutex.Lock()
		defer n.mutex.Unlock()
		return answer{"messages": append([]message{}, n.messages[asked.Topic]...)}, nil
	},
	"discovered": func(_ context.Context, n *peerNode, _ request) (answer, error) {
		n.mutex.Lock()
		defer n.mutex.Unlock()
		all := []found{}
		for id, addresses := range n.discovered {
			all = append(all, found{id, addresses})
		}
		return answer{"peers": all}, nil
	},
	"hold": func(_ context.Context, n *peerNode, asked request) (answer, error) {
		if !n.shards.put(shardName{asked.Hash, asked.Index}, asked.Data) {
			return nil, errors.New("full")
		}
		return answer{}, nil
	},
	"held": func(_ context.Context, n *peerNode, asked request) (answer, error) {
		return answer{"data": n.shards.get(shardName{asked.Hash, asked.Index})}, nil
	},
	"fetch": func(ctx context.Context, n *peerNode, asked request) (answer, error) {
		shard, err := n.fetch(ctx, asked.Peer, shardName{asked.Hash, asked.Index})
		return answer{"data": shard}, err
	},
	"store": func(ctx context.Context, n *peerNode, asked request) (answer, error) {
		return answer{}, n.store(ctx, asked.Peer, shardName{asked.Hash, asked.Index}, asked.Data)
	},
	"read": func(ctx context.Context, n *peerNode, asked request) (answer, error) { return n.read(ctx, asked) },
	"measure": func(ctx context.Context, n *peerNode, asked request) (answer, error) {
		return n.measure(ctx, asked)
	},
}

func foundOf(infos []peer.AddrInfo) []found {
	all := []found{}
	for _, info := range infos {
		addresses := []string{}
		for _, address := range info.Addrs {
			addresses = append(addresses, address.String())
		}
		all = append(all, found{info.ID.String(), addresses})
	}
	return all
}

// multiaddrs gives what can be read: the caller wrote them.
func multiaddrs(texts []string) []multiaddr.Multiaddr {
	var all []multiaddr.Multiaddr
	for _, text := range texts {
		address, err := multiaddr.NewMultiaddr(text)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", text, err))
		}
		all = append(all, address)
	}
	return all
}
