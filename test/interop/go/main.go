// Package main is a peer of the mixed network on go-libp2p, written from the wire facts alone. It is driven by one JSON
// object a line on stdin and answers by one a line on stdout; the end of stdin ends it. docs/internals/interop.md
// lists the operations.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// A shard of 9 MiB in base64, and room.
const maxLine = 16 << 20

type request struct {
	ID        int      `json:"id"`
	Op        string   `json:"op"`
	Seed      string   `json:"seed"`
	Listen    []string `json:"listen"`
	Bootstrap []string `json:"bootstrap"`
	Mdns      string   `json:"mdns"`
	Relay     bool     `json:"relay"`
	Topic     string   `json:"topic"`
	Peer      string   `json:"peer"`
	Address   string   `json:"address"`
	Key       string   `json:"key"`
	Value     string   `json:"value"`
	Hash      string   `json:"hash"`
	Index     uint32   `json:"index"`
	Data      []byte   `json:"data"`
	Link      string   `json:"link"`
	Rows      []int    `json:"rows"`
	Library   string   `json:"library"`
	Label     uint32   `json:"label"`
	Sequence  uint64   `json:"sequence"`
	Expires   uint64   `json:"expires"`
	Kind      string   `json:"kind"`
	Keys      []string `json:"keys"`
	Parallel  int      `json:"parallel"`
	Count     int      `json:"count"`
	Offset    int      `json:"offset"`
	TimeoutMs int      `json:"timeoutMs"`
}

type answer map[string]any

func main() {
	var (
		program program
		output  sync.Mutex
		group   sync.WaitGroup
	)
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 0, 64<<10), maxLine)
	encoder := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var asked request
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		group.Go(func() {
			timeout := time.Duration(asked.TimeoutMs) * time.Millisecond
			if timeout == 0 {
				timeout = 30 * time.Second
			}
			ctx, cancel := context.WithTimeout(context.Background(), timeout)
			defer cancel()
			given, err := program.run(ctx, asked)
			if err != nil {
				given = answer{"error": err.Error()}
			}
			given["id"] = asked.ID
			output.Lock()
			defer output.Unlock()
			if err := encoder.Encode(given); err != nil {
				os.Exit(1)
			}
		})
	}
	// What is still under way has nobody to be told to.
	os.Exit(0)
}

// program is the one peer of this process, once it is started, and the crowd of a benchmark.
type program struct {
	mutex sync.Mutex
	peer  *peerNode
	crowd []*peerNode
}

func (p *program) run(ctx context.Context, asked request) (answer, error) {
	switch asked.Op {
	case "start":
		started, err := startPeer(asked)
		if err != nil {
			return nil, err
		}
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.peer = started
		return answer{"peer": started.host.ID().String(), "addresses": started.addresses()}, nil
	case "crowd":
		return p.startCrowd(ctx, asked)
	case "settle":
		return p.settleCrowd(ctx)
	case "cpu":
		return answer{"seconds": cpuSeconds()}, nil
	}
	p.mutex.Lock()
	peer := p.peer
	p.mutex.Unlock()
	if peer == nil {
		return nil, fmt.Errorf("%s before start", asked.Op)
	}
	operation, known := operations[asked.Op]
	if !known {
		return nil, fmt.Errorf("no such operation: %s", asked.Op)
	}
	return operation(ctx, peer, asked)
}
