package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Random keys that each node of a crowd looks up, to meet peers near and far.
const settleLookUps = 3

// measure runs one operation per key, so many at a time: milliseconds of each, and CPU seconds of all.
func (n *peerNode) measure(ctx context.Context, asked request) (answer, error) {
	times := make([]float64, len(asked.Keys))
	cpu, start := cpuSeconds(), time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(asked.Parallel, 1))
	for index, key := range asked.Keys {
		group.Go(func() error {
			begun := time.Now()
			err := n.measured(ctx, asked.Kind, key)
			times[index] = float64(time.Since(begun).Microseconds()) / 1000
			return err
		})
	}
	err := group.Wait()
	return answer{"ms": times, "seconds": time.Since(start).Seconds(), "cpuSeconds": cpuSeconds() - cpu}, err
}

func (n *peerNode) measured(ctx context.Context, kind, key string) error {
	switch kind {
	case "provide":
		target, err := providerKey(key)
		if err != nil {
			return err
		}
		return n.dht.Provide(ctx, target, true)
	case "providers":
		found, err := n.providers(ctx, key, 1)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("nobody provides %s", key)
		}
		return err
	case "get":
		_, err := n.dht.GetValue(ctx, key)
		return err
	case "closest":
		target, err := providerKey(key)
		if err != nil {
			return err
		}
		found, err := n.dht.GetClosestPeers(ctx, string(target.Hash()))
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("no peers")
		}
		return err
	}
	return fmt.Errorf("no such kind: %s", kind)
}

// startCrowd makes `count` nodes whose seeds are numbers from `offset` on, which enter by `bootstrap`.
func (p *program) startCrowd(_ context.Context, asked request) (answer, error) {
	addresses := make([][]string, asked.Count)
	nodes := make([]*peerNode, asked.Count)
	var group errgroup.Group
	group.SetLimit(4)
	for index := range nodes {
		group.Go(func() error {
			var seed [32]byte
			binary.BigEndian.PutUint64(seed[:], uint64(asked.Offset+index+1))
			one := asked
			one.Seed = hex.EncodeToString(seed[:])
			node, err := newPeer(one)
			if err != nil {
				return err
			}
			nodes[index], addresses[index] = node, node.addresses()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.crowd = append(p.crowd, nodes...)
	return answer{"addresses": addresses}, nil
}

// settleCrowd fills the routing tables by look-ups of each node for itself and for random keys; it says how many peers the emptiest has.
func (p *program) settleCrowd(ctx context.Context) (answer, error) {
	p.mutex.Lock()
	crowd := p.crowd
	p.mutex.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, node := range crowd {
		group.Go(func() error {
			if _, err := node.dht.GetClosestPeers(ctx, string(node.host.ID())); err != nil {
				return err
			}
			for range settleLookUps {
				if _, err := node.dht.GetClosestPeers(ctx, rand.Text()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	least := -1
	for _, node := range crowd {
		if size := node.dht.RoutingTable().Size(); least < 0 || size < least {
			least = size
		}
	}
	return answer{"least": least}, err
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
