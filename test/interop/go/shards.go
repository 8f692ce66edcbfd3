package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// One request a stream, integers big-endian.
const (
	shardProtocol = "/pangea/rpc/1.0.0"
	fetchShard    = 0x01
	storeShard    = 0x03
	maxShardBytes = 9 << 20
	maxHashBytes  = 256
	maxShards     = 4096
	streamTime    = time.Minute
)

type shardName struct {
	hash  string
	index uint32
}

type shardStore struct {
	mutex sync.Mutex
	held  map[shardName][]byte
}

func (s *shardStore) put(name shardName, shard []byte) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, there := s.held[name]; !there && len(s.held) >= maxShards {
		return false
	}
	s.held[name] = shard
	return true
}

func (s *shardStore) get(name shardName) []byte {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.held[name]
}

func (n *peerNode) serveShards(stream network.Stream) {
	_ = stream.SetDeadline(time.Now().Add(streamTime))
	if err := n.answerShard(stream); err != nil {
		_ = stream.Reset()
		return
	}
	_ = stream.Close()
}

func (n *peerNode) answerShard(stream network.Stream) error {
	var head [3]byte
	if _, err := io.ReadFull(stream, head[:]); err != nil {
		return err
	}
	length := int(binary.BigEndian.Uint16(head[1:]))
	if length > maxHashBytes {
		return errors.New("hash too long")
	}
	rest := make([]byte, length+4)
	if _, err := io.ReadFull(stream, rest); err != nil {
		return err
	}
	name := shardName{string(rest[:length]), binary.BigEndian.Uint32(rest[length:])}
	switch head[0] {
	case fetchShard:
		_, err := stream.Write(n.shards.get(name))
		return err
	case storeShard:
		shard, err := readLimited(stream)
		if err != nil || !n.shards.put(name, shard) {
			return errors.Join(err, errors.New("not stored"))
		}
		_, err = stream.Write([]byte("OK"))
		return err
	}
	return nil
}

func (n *peerNode) ask(ctx context.Context, peerText string, kind byte, name shardName, shard []byte) ([]byte, error) {
	id, err := n.connect(ctx, peerText)
	if err != nil {
		return nil, err
	}
	stream, err := n.host.NewStream(ctx, id, shardProtocol)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Reset() }()
	if deadline, limited := ctx.Deadline(); limited {
		_ = stream.SetDeadline(deadline)
	}
	asked := binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(name.hash)))
	asked = binary.BigEndian.AppendUint32(append(asked, name.hash...), name.index)
	if _, err := stream.Write(append(asked, shard...)); err != nil {
		return nil, err
	}
	if err := stream.CloseWrite(); err != nil {
		return nil, err
	}
	return readLimited(stream)
}

// fetch gives nothing when the peer does not have it.
func (n *peerNode) fetch(ctx context.Context, peerText string, name shardName) ([]byte, error) {
	return n.ask(ctx, peerText, fetchShard, name, nil)
}

func (n *peerNode) store(ctx context.Context, peerText string, name shardName, shard []byte) error {
	said, err := n.ask(ctx, peerText, storeShard, name, shard)
	if err == nil && string(said) != "OK" {
		err = fmt.Errorf("not OK but %d other bytes", len(said))
	}
	return err
}

func readLimited(from io.Reader) ([]byte, error) {
	read, err := io.ReadAll(io.LimitReader(from, maxShardBytes+1))
	if err == nil && len(read) > maxShardBytes {
		err = errors.New("a shard has at most 9 MiB")
	}
	return read, err
}
